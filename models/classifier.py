"""The contract between the service and the classifiers. Small enough to learn by heart.

Every classifier is three stages:

    featurize   a JSON instance   -> Features                       CPU, any thread
    collate     Features, many    -> Batch (padded CPU tensors)     CPU, any thread
    encode      Batch             -> vectors (batch, dim)           device
    head        vectors           -> logits (batch, num_labels)     device
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from models.explainable import Explainable

Instance = str | Mapping[str, Any]
"""What a caller sends for one answer: named inputs, or a plain string where there is one text input."""

Shape = tuple[tuple[int, int], ...]
"""(number of texts, tokens of the longest text), one pair for each input of an instance."""


def padded_tokens(shapes: Sequence[Shape]) -> int:
    """How many token positions a batch of these shapes takes once padded."""
    inputs = zip(*shapes, strict=True)
    return len(shapes) * sum(max(texts for texts, _ in one) * max(tokens for _, tokens in one) for one in inputs)


@dataclass(frozen=True, slots=True)
class Features:
    """One instance, ready to be batched. `inputs` is private to the classifier that made it."""

    inputs: Mapping[str, Any]
    shape: Shape
    truncated: tuple[str, ...] = ()
    """The inputs that were cut to a length limit of the archive."""
    warnings: tuple[str, ...] = ()
    """What the caller should know about how the instance was read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Features, (self.inputs, self.shape)  # what encoding needs, wherever it is done


@dataclass(slots=True)
class Batch:
    """Padded tensors of several instances, nested by input and by tensor name; the first axis is the instance."""

    tensors: Any
    size: int
    real_tokens: int
    padded_tokens: int

    def to(self, device: torch.device) -> Batch:
        if device.type == "cpu":
            return self
        moved = _map_tensors(self.tensors, lambda tensor: tensor.to(device, non_blocking=True))
        return Batch(moved, self.size, self.real_tokens, self.padded_tokens)

    def pin(self) -> Batch:
        """The same batch in page-locked memory, from where a copy to a CUDA device need not wait."""
        pinned = _map_tensors(self.tensors, Tensor.pin_memory)
        return Batch(pinned, self.size, self.real_tokens, self.padded_tokens)


def _map_tensors(node: Any, change: Any) -> Any:
    if isinstance(node, Tensor):
        return change(node)
    if isinstance(node, dict):
        return {key: _map_tensors(child, change) for key, child in node.items()}
    return node


@dataclass(frozen=True)
class LabelSet:
    """Ordered labels with the head that scores them. A version of a classifier is one of these over its encoder."""

    labels: tuple[str, ...]
    head: nn.Module = field(repr=False)
    version: int = 1


@dataclass(frozen=True)
class InputSchema:
    """What an instance looks like.

    `json_schema` is the JSON Schema of one instance; `example` is a valid one.
    `text_input` names the input that a plain string stands for, None where there is none.
    """

    names: tuple[str, ...]
    json_schema: Mapping[str, Any]
    example: Mapping[str, Any]
    text_input: str | None = None


@dataclass(frozen=True)
class Source:
    """Where a classifier comes from: the library and version range that wrote it and the original class."""

    library: str
    versions: str
    architecture: str


class Classifier(ABC):
    """A loaded classifier, safe from any thread and from several at once; `to` excepted."""

    kind: str
    """text, pair, record, record_pair, document or relation."""
    multilabel: bool
    inputs: InputSchema
    source: Source
    label_set: LabelSet
    """The labels and head that the archive holds."""
    parameters: int
    """How many weights it has."""
    size_bytes: int
    """What its weights take on a device."""
    padding_safe: bool
    """False where padding would change an answer; then instances of one batch must have one shape."""
    precision: str = "fp32"
    """What its encoder computes in; see models/precision.py."""
    engine: str = "torch"
    """What runs its encoder; see models/engine.py."""
    reducible: nn.Module | None = None
    """The layers that may compute in fewer bits."""
    packed: bool = False
    """True where next to nothing is computed for padding: texts of any lengths go well together."""
    configuration: Mapping[str, Any] = MappingProxyType({})
    """The pipeline as biome.text's archives describe it; nothing for others."""
    own_methods: Sequence[str] = ()
    """The methods by which the library that wrote it explains it."""

    @abstractmethod
    def featurize(self, instance: Instance) -> Features:
        """Raises InvalidInstance where the original would have refused."""

    @abstractmethod
    def collate(self, features: Sequence[Features]) -> Batch:
        """Pads and stacks; CPU tensors."""

    @abstractmethod
    def encode(self, batch: Batch) -> Tensor:
        """(batch, dim). A row of NaN says that the original has no answer for that instance."""

    def words(self) -> Sequence[str]:
        """Whole words that it knows, the more frequent first; none where it reads characters or bytes only."""
        return ()

    def explainable(self) -> Explainable | None:
        """The classifier as gradients see it; None where they cannot reach its embeddings, or where
        models/explanations.py knows better."""
        return None

    @abstractmethod
    def to(self, device: torch.device) -> None:
        """Moves encoder and head."""


def weigh(*modules: nn.Module) -> tuple[int, int]:
    """How many weights modules have between them, and how many bytes those take; shared ones count once."""
    tensors = {id(tensor): tensor for module in modules for tensor in (*module.parameters(), *module.buffers())}
    weights = sum(tensor.numel() for tensor in tensors.values() if isinstance(tensor, nn.Parameter))
    return weights, sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def probabilities(logits: Tensor, multilabel: bool) -> Tensor:
    """(batch, num_labels) -> (batch, num_labels): softmax over the labels, or one sigmoid per label."""
    return logits.sigmoid() if multilabel else logits.softmax(dim=-1)


def ranking(scores: Sequence[float]) -> list[int]:
    """Indices, highest score first, ties by index."""
    return sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
