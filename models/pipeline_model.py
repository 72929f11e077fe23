"""biome.text's PipelineModel: a head as an AllenNLP model, which its archives hold."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from models.allennlp_compat import Model, Vocabulary
from models.classification_head import ClassificationHead
from models.pooled import Pooled


class PipelineModel(Pooled, Model):
    """Passes everything on to its head."""

    def __init__(self, name: str, head: ClassificationHead) -> None:
        super().__init__(vocab=head.backbone.vocab)
        self.name = name
        self._head = head

    @property
    def head(self) -> ClassificationHead:
        return self._head

    @property
    def inputs(self) -> list[str]:
        """The names of what an instance holds."""
        return self._head.inputs()

    def pool(self, *inputs: Any) -> Tensor:
        return self._head.pool(*inputs)

    def finish(self, pooled: Tensor) -> Tensor:
        return self._head.finish(pooled)

    def encode(self, *inputs: Any) -> Tensor:
        return self._head.encode(*inputs)

    def forward(self, *inputs: Any, **named: Any) -> dict[str, Any]:
        output: dict[str, Any] = self._head(*inputs, **named)
        return output

    def decode(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        return self._head.decode(output_dict)

    make_output_human_readable = decode
    """The name that AllenNLP calls `decode` by."""

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        return self._head.get_metrics(reset)

    def extend_vocabulary(self, vocab: Vocabulary) -> None:
        """Learns the words of another vocabulary: their embeddings are rows at random, the old ones stay."""
        self.vocab.extend_from_vocab(vocab)
        self._head.backbone.extend_vocab()
        self._head.on_vocab_update()
