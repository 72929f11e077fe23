"""What the works of an explanation have in common: slices, how they are batched, and what is told of an instance."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from torch import Tensor

from app.batch import Shape
from app.pace import Pace
from app.served import NO_ANSWER, OtherWork
from app.slice_gate import ALONE_S, SliceGate
from app.spreading import ONE_THREAD, Spread, Spreading
from models.classifier import Batch, Features, padded_tokens
from models.curve import Curve
from models.errors import InvalidInstance
from models.explain import Ends, Path, path
from models.explain_methods import Method, Probe, columns_of, probes_of
from models.explainable import Explainable
from models.explanations import explainable_by


class Probing(NamedTuple):
    """What the score of a label is asked; None is the label that is predicted."""

    target: int | None
    probes: Sequence[Probe]

    def __reduce__(self) -> tuple[Any, ...]:
        return _probing, (self.target, columns_of(self.probes))


def _probing(target: int | None, columns: tuple[tuple[Any, ...], ...]) -> Probing:
    return Probing(target, probes_of(columns))


@dataclass(frozen=True, slots=True)
class Slice:
    """So many `copies` of one instance side by side, and what is `wanted` of them."""

    features: Features
    copies: int
    wanted: Any = None

    @property
    def shape(self) -> Shape:
        """The last pair takes no room: it keeps apart what only looks alike, for classifiers that need one shape."""
        count = self.copies
        return (*((texts * count, tokens) for texts, tokens in self.features.shape), (0, count))


AMORTIZED = 3
"""As many times its overhead a batch may take while nobody predicts."""
EVERY_CORE = Spread(parts=sys.maxsize)
WORTH_SHARING_ALONE_S, WORTH_SHARING_S = 0.002, 0.012
"""What a batch of slices has to take for a second core to be faster: their many small steps in Python go one by one.
Beside predictions a core is theirs for longer."""


@dataclass(frozen=True, eq=False)
class SlicedWork(OtherWork):
    """What the works of one classifier, method and baseline have in common."""

    method: Method
    baseline: str
    pace: Pace
    gate: SliceGate

    @property
    def key(self) -> tuple[Any, ...]:
        return (*super().key, self.method.name, self.baseline)

    def __reduce__(self) -> tuple[Any, ...]:
        """The process that has the device runs it; what there is to learn of that is learnt here."""
        return type(self), (self.served, self.method, self.baseline, None, None)

    @cached_property
    def explainable(self) -> Explainable:
        return explainable_by(self.served.classifier, self.method)

    @property
    def packed(self) -> bool:
        return super().packed or self.explainable.packed

    @property
    def spreading(self) -> Spreading:
        worth_while = (WORTH_SHARING_ALONE_S if self.gate.alone else WORTH_SHARING_S) / self.pace.seconds_per_token
        return Spreading(batches={worth_while / 2: ONE_THREAD, worth_while * 2: EVERY_CORE})

    @property
    def most_tokens(self) -> float:
        """One long slice's: what is more had better wait for the next core than lengthen the way to a free one. While
        nobody predicts, no batch is its own overhead for the most part."""
        most = ALONE_S / self.pace.seconds_per_token
        return max(most, AMORTIZED * self.pace.overhead_tokens) if self.gate.alone else most

    def collate(self, slices: Sequence[Slice]) -> Batch:
        batch = self.served.classifier.collate([one.features for one in slices])
        tensors = {"features": batch.tensors, "slices": slices}
        return Batch(tensors, batch.size, batch.real_tokens, batch.padded_tokens)

    def _opened(self, batch: Batch) -> tuple[Sequence[Slice], Batch, Path]:
        """The slices of a collated batch, their features, and the path of each."""
        features = Batch(batch.tensors["features"], batch.size, batch.real_tokens, batch.padded_tokens)
        return batch.tensors["slices"], features, path(self.explainable, features, self.baseline)

    def _learn(self, slices: Sequence[Slice], seconds: float) -> None:
        tokens = padded_tokens([one.features.shape for one in slices]) // len(slices)
        self.pace.observe(tokens * sum(one.copies for one in slices), seconds)


@dataclass(frozen=True)
class InstanceEnds:
    """Scores and logits of an instance, and the scores of its baseline, in label order; and what was told with them of
    the way between: a curve, or what all probes of the explained label add up to."""

    scores: Sequence[float]
    logits: Sequence[float]
    baseline_scores: Sequence[float]
    curve: Curve | None = None
    sums: Sequence[Tensor] | None = None

    @property
    def predicted(self) -> int:
        return max(range(len(self.logits)), key=self.logits.__getitem__)


def instance_ends(both: Ends) -> list[InstanceEnds]:
    return [InstanceEnds(*row) for row in zip(*(value.tolist() for value in both), strict=True)]


def answered(found: Sequence[InstanceEnds]) -> list[InstanceEnds | InvalidInstance]:
    return [one if all(map(math.isfinite, one.logits)) else InvalidInstance(NO_ANSWER) for one in found]
