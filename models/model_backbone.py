"""biome.text's ModelBackbone: what every head stands on."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from models.allennlp_compat import PassThroughEncoder, Seq2SeqEncoder, TextFieldEmbedder, TextFieldTensors, Vocabulary
from models.component_configuration import Seq2SeqEncoderConfiguration
from models.input_featurizer import InputFeaturizer


class ModelBackbone(nn.Module):
    """Embeds the tokens of a text by their features and encodes them in their context.

    Without `encoder` the embeddings pass through.
    """

    def __init__(
        self,
        vocab: Vocabulary,
        featurizer: InputFeaturizer,
        embedder: TextFieldEmbedder,
        encoder: Seq2SeqEncoderConfiguration | None = None,
    ) -> None:
        super().__init__()
        self.vocab = vocab
        self.featurizer = featurizer
        self.embedder = embedder
        dim = embedder.get_output_dim()
        self.encoder: Seq2SeqEncoder = encoder.input_dim(dim).compile() if encoder else PassThroughEncoder(dim)

    def forward(self, text: TextFieldTensors, mask: Tensor, num_wrapping_dims: int = 0) -> Tensor:
        """(batch, [fields,] tokens) ids and mask -> (batch, [fields,] tokens, dim)."""
        embeddings = self.embedder(text, num_wrapping_dims=num_wrapping_dims)
        encoded: Tensor = self.encoder(embeddings, mask=mask)
        return encoded

    def extend_vocab(self) -> None:
        """Appends rows, at random, for words that the vocabulary has gained."""
        module: Any
        for module in self.embedder.modules():
            if hasattr(module, "extend_vocab"):
                module.extend_vocab(self.vocab)
