"""biome.text's DocumentClassification: a list of sentences, one label or several."""

from typing import Any

from torch import Tensor, nn

from models.allennlp_compat import BagOfEmbeddingsEncoder, PassThroughEncoder, TextFieldTensors, get_text_field_mask
from models.biome_tokenizer import Clipper
from models.classification_head import ClassificationHead, LabelledReading, LabelWeights
from models.classifier import InputSchema
from models.cnn import run_seq2vec
from models.component_configuration import (
    FeedForwardConfiguration,
    Seq2SeqEncoderConfiguration,
    Seq2VecEncoderConfiguration,
)
from models.head_schema import TEXTS, schema_of
from models.model_backbone import ModelBackbone
from models.present_texts import present_texts
from models.time_distributed_encoder import TimeDistributedEncoder


class DocumentClassification(ClassificationHead):
    """Each sentence: encoder -> token pooler; over them: sentence encoder -> sentence pooler -> [feedforward] -> layer.

    Poolers are sums and the sentence encoder passes through where none is configured.
    """

    kind = "document"
    lists = True
    input_name = "text"
    """`document` in biome.text 1.0 and 2.0."""

    def __init__(
        self,
        backbone: ModelBackbone,
        labels: list[str],
        token_pooler: Seq2VecEncoderConfiguration | None = None,
        sentence_encoder: Seq2SeqEncoderConfiguration | None = None,
        sentence_pooler: Seq2VecEncoderConfiguration | None = None,
        feedforward: FeedForwardConfiguration | None = None,
        multilabel: bool = False,
        label_weights: LabelWeights | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(backbone, labels, multilabel, label_weights)
        backbone.encoder = TimeDistributedEncoder(backbone.encoder)
        dim = backbone.encoder.get_output_dim()
        pooler = token_pooler.input_dim(dim).compile() if token_pooler else BagOfEmbeddingsEncoder(dim)
        self.token_pooler = TimeDistributedEncoder(pooler)
        dim = pooler.get_output_dim()
        encoder = sentence_encoder.input_dim(dim).compile() if sentence_encoder else PassThroughEncoder(dim)
        self.sentence_encoder = encoder
        dim = encoder.get_output_dim()
        pooler = sentence_pooler.input_dim(dim).compile() if sentence_pooler else BagOfEmbeddingsEncoder(dim)
        self.sentence_pooler = pooler
        dim = pooler.get_output_dim()
        self.feedforward = feedforward.input_dim(dim).compile() if feedforward else None
        dim = self.feedforward.get_output_dim() if self.feedforward else dim
        self._dropout = nn.Dropout(dropout)
        self._classification_layer = nn.Linear(dim, self.num_labels)

    @property
    def last_layer(self) -> nn.Linear:
        return self._classification_layer

    def inputs(self) -> list[str]:
        return [self.input_name]

    def schema(self) -> InputSchema:
        example = {self.input_name: ["The parcel was damaged.", "Please send me a new one."]}
        return schema_of({self.input_name: TEXTS}, example, text_input=self.input_name)

    def encoders(self) -> tuple[list[nn.Module], list[nn.Module]]:
        over_tokens = [self.backbone.encoder.encoder, self.token_pooler.encoder]
        return over_tokens, [self.sentence_encoder, self.sentence_pooler]

    def featurize(self, *texts: Any, label: str | list[str] | None = None, **named: Any) -> LabelledReading:
        """Takes the document by the name of the head's input, or by none.

        Raises InvalidInstance for what the original refused.
        """
        (text,) = (*texts, *named.values())
        clip = Clipper()
        fields = self.backbone.featurizer(text, self.input_name, clip, exclude_record_keys=True)
        reading = LabelledReading({self.input_name: fields}, [self.input_name] if clip.clipped else [])
        return self.add_label(reading, label)

    def pool(self, text: TextFieldTensors) -> Tensor:
        """(batch, sentences, tokens) ids -> (batch, pooled dim)."""
        mask = get_text_field_mask(text, num_wrapping_dims=1)
        # (batch, sentences, dim)
        sentences = self._read(self.backbone.embedder(text, num_wrapping_dims=1), mask)
        # (batch, sentences)
        present = mask.any(dim=-1)
        sentences = self.sentence_encoder(sentences, mask=present)
        return self._dropout(run_seq2vec(self.sentence_pooler, sentences, present, self._text_extent(present)))

    def _read(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """(batch, sentences, tokens, dim), (batch, sentences, tokens) -> (batch, sentences, dim)."""
        there = None if self.pools_over_padding else present_texts(embedded, mask)
        if there is None:
            # (batch, sentences, tokens, dim)
            encoded = self.backbone.encoder(embedded, mask=mask)
            return self.token_pooler(encoded, mask=mask, extent=self._token_extent(mask))
        encoder: Any = self.backbone.encoder
        mask = there.of_each(mask)
        encoded = encoder.encoder(there.inputs, mask=mask)
        return there.in_lists(run_seq2vec(self.token_pooler.encoder, encoded, mask, None))

    def finish(self, pooled: Tensor) -> Tensor:
        """(batch, pooled dim) -> (batch, dim)."""
        return self.feedforward(pooled) if self.feedforward else pooled

    def forward(self, *texts: Any, label: Tensor | None = None, **named: Any) -> dict[str, Any]:
        """(batch, sentences, tokens) ids and (batch,) label indices -> what `output` gives.

        The ids go by the name of the head's input, or by none.
        """
        (text,) = (*texts, *named.values())
        return self.output(self._classification_layer(self.encode(text)), label)
