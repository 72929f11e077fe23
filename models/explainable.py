"""What an explanation needs of a classifier: its embeddings, an encoder that starts from them, and where tokens stand.

    embed     Batch              -> one tensor per input, (batch, [texts,] tokens, dim)
    encode    Batch, embeddings  -> vectors (batch, dim); of `embed`'s own, what the classifier's encode gives
    pool      Batch, embeddings  -> what encode has before its last layers, (batch, pooled dim)
    finish    (batch, pooled dim) -> what encode gives
    blank     Batch, a baseline  -> embeddings that say nothing, of the same shapes
    tokens    an instance        -> which position holds which part of what the caller sent

Gradients go to the embeddings only. Nothing here changes the classifier that it explains.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn import functional

from models.classifier import Batch, Classifier, Features, Instance
from models.original_slopes import original_slopes

Embedded = Sequence[Tensor]
"""One tensor per input of the classifier, (batch, [texts,] tokens, dim)."""

BASELINES = ("pad", "zero", "mask")
UNIFORM = ("integrated_gradients", "saliency", "input_x_gradient", "smoothgrad", "occlusion")
"""Methods that belong to no original."""


@dataclass(frozen=True, slots=True)
class InputToken:
    """What stands at `position` (text, token) of input number `input`; token alone where an input is one text.

    `start` and `end` are character offsets in the value at `field` of the caller's instance, None for tokens that the
    classifier added.
    """

    input: int
    position: tuple[int, ...]
    text: str
    field: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class Tokenization:
    """The tokens of an instance in the order they are read; `sources` holds the caller's values by field."""

    tokens: Sequence[InputToken]
    sources: Mapping[str, str]

    @property
    def holds_text(self) -> bool:
        return any(token.start is not None for token in self.tokens)


class Explainable(ABC):
    """A classifier seen from its embeddings."""

    classifier: Classifier
    baselines: Sequence[str]
    """Those of BASELINES that it has embeddings for."""
    smooth: bool = False
    """Whether `pool` has no kinks, so that it is worth while to look for smooth curves in it (models/curve.py)."""

    @abstractmethod
    def embed(self, batch: Batch) -> Embedded: ...

    @abstractmethod
    def encode(self, batch: Batch, embedded: Embedded) -> Tensor: ...

    stepwise: bool = False
    """Whether a text is walked through token by token, so that few copies of it take as long as one."""
    packed: bool = False
    """Whether shorter texts are left behind on the way through longer ones (models/row_order.py)."""

    def rows(self, batch: Batch, index: Tensor) -> Batch:
        """The instances by number, as `rows`; of what is embedded no more than `encode` and `pool` still ask for."""
        return rows(batch, index)

    def pool(self, batch: Batch, embedded: Embedded) -> Tensor:
        return self.encode(batch, embedded)

    def finish(self, pooled: Tensor) -> Tensor:
        return pooled

    @abstractmethod
    def blank(self, batch: Batch, embedded: Embedded, baseline: str) -> Embedded:
        """`embedded` is what `embed` gave for the batch."""

    @abstractmethod
    def tokenization(self, instance: Instance, features: Features) -> Tokenization: ...

    def loss(self, vectors: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
        """What the original's training would call the loss of each instance alone, without weights.

        (batch, dim), (batch, labels), (batch,) -> (batch,).
        """
        return functional.cross_entropy(logits, targets, reduction="none")

    def original_gradients(self) -> AbstractContextManager[Any]:
        """Within this block slopes are those of the original's layers, on the torch that it ran on."""
        return original_slopes()


def rows(batch: Batch, index: Tensor) -> Batch:
    """The instances of a batch by number, each as often as `index` (rows,) names it."""

    def pick(node: Any) -> Any:
        if isinstance(node, Tensor):
            return node[index]
        return {key: pick(child) for key, child in node.items()} if isinstance(node, dict) else node

    return Batch(pick(batch.tensors), len(index), batch.real_tokens, batch.padded_tokens)
