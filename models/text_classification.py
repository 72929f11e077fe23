"""biome.text's TextClassification: one text, one label or several."""

from typing import Any

from torch import Tensor, nn

from models.allennlp_compat import BagOfEmbeddingsEncoder, TextFieldTensors, get_text_field_mask
from models.biome_tokenizer import Clipper
from models.classification_head import ClassificationHead, LabelledReading, LabelWeights
from models.classifier import InputSchema
from models.cnn import run_seq2vec
from models.component_configuration import FeedForwardConfiguration, Seq2VecEncoderConfiguration
from models.head_schema import TEXTS, schema_of
from models.model_backbone import ModelBackbone


class TextClassification(ClassificationHead):
    """encoder -> pooler (the sum of the tokens) -> [feedforward] -> classification layer.

    A list of texts, or an object of them, is read as one text.
    """

    kind = "text"
    lists = False

    def __init__(
        self,
        backbone: ModelBackbone,
        labels: list[str],
        pooler: Seq2VecEncoderConfiguration | None = None,
        feedforward: FeedForwardConfiguration | None = None,
        multilabel: bool = False,
        label_weights: LabelWeights | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(backbone, labels, multilabel, label_weights)
        dim = backbone.encoder.get_output_dim()
        self.pooler = pooler.input_dim(dim).compile() if pooler else BagOfEmbeddingsEncoder(dim)
        dim = self.pooler.get_output_dim()
        self.feedforward = feedforward.input_dim(dim).compile() if feedforward else None
        self._dropout = nn.Dropout(dropout)
        self._classification_layer = nn.Linear((self.feedforward or self.pooler).get_output_dim(), self.num_labels)

    @property
    def last_layer(self) -> nn.Linear:
        return self._classification_layer

    def inputs(self) -> list[str]:
        return ["text"]

    def schema(self) -> InputSchema:
        return schema_of({"text": TEXTS}, {"text": "A table for two on Friday, please."}, text_input="text")

    def encoders(self) -> tuple[list[nn.Module], list[nn.Module]]:
        return [self.backbone.encoder, self.pooler], []

    def featurize(self, text: Any, label: str | list[str] | None = None) -> LabelledReading:
        """Raises InvalidInstance for what the original refused."""
        clip = Clipper()
        tokens = self.backbone.featurizer(text, "text", clip, aggregate=True, exclude_record_keys=True)
        return self.add_label(LabelledReading({"text": tokens}, ["text"] if clip.clipped else []), label)

    def pool(self, text: TextFieldTensors) -> Tensor:
        """(batch, tokens) ids -> (batch, pooled dim)."""
        mask = get_text_field_mask(text)
        # (batch, tokens, dim)
        encoded = self.backbone(text, mask)
        return self._dropout(run_seq2vec(self.pooler, encoded, mask, self._token_extent(mask)))

    def finish(self, pooled: Tensor) -> Tensor:
        """(batch, pooled dim) -> (batch, dim)."""
        return self.feedforward(pooled) if self.feedforward else pooled

    def forward(self, text: TextFieldTensors, label: Tensor | None = None) -> dict[str, Any]:
        """(batch, tokens) ids and (batch,) label indices -> what `output` gives."""
        return self.output(self._classification_layer(self.encode(text)), label)
