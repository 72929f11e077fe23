"""biome.text's TimeDistributedEncoder: an encoder of texts, for lists of texts."""

from typing import Any

from torch import Tensor

from models.allennlp_compat import PassThroughEncoder, Seq2SeqEncoder, TimeDistributed
from models.cnn import run_seq2vec


class TimeDistributedEncoder(Seq2SeqEncoder):
    """Runs a Seq2Seq or Seq2Vec encoder over every text of every list; `extent` is for models.cnn."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self._encoder = TimeDistributed(encoder)

    @property
    def encoder(self) -> Any:
        """The encoder of one text."""
        return self._encoder._module

    def forward(self, inputs: Tensor, mask: Tensor, extent: Tensor | None = None) -> Tensor:
        """(batch, texts, tokens, input_dim), (batch, texts, tokens), (batch, texts) -> (batch, texts, ...)."""
        if isinstance(self.encoder, PassThroughEncoder):
            return self.encoder(inputs, mask)
        return run_seq2vec(self._encoder, inputs, mask, extent)

    def get_input_dim(self) -> int:
        dim: int = self.encoder.get_input_dim()
        return dim

    def get_output_dim(self) -> int:
        dim: int = self.encoder.get_output_dim()
        return dim

    def is_bidirectional(self) -> bool:
        return bool(self.encoder.is_bidirectional()) if isinstance(self.encoder, Seq2SeqEncoder) else False
