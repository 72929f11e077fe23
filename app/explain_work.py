"""The works of an explanation: what the device lane runs for it, slice by slice."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

from torch import Tensor

from app.batch import Shape
from app.pace import Pace
from app.served import NO_ANSWER, OtherWork, ServedModel
from app.slice_gate import ALONE_S, SliceGate
from app.spreading import ONE_THREAD, Spread, Spreading
from models.classifier import Batch, Features, padded_tokens
from models.curve import FIRST_LEVEL, LEVELS, Curve, curved_ends, curves, gradients_along, stacked
from models.errors import InvalidInstance
from models.explain import Ends, Path, ends, gradients, gradients_and_ends, path
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


@dataclass(frozen=True, eq=False)
class ExplainWork(SlicedWork):
    """Gradients for one classifier by one method. Requests that share it share its batches."""

    @cached_property
    def ends(self) -> EndsWork:
        return EndsWork(self.served, self.method, self.baseline, self.pace, self.gate)

    @cached_property
    def whole(self) -> WholeWork:
        return WholeWork(self.served, self.method, self.baseline, self.pace, self.gate)

    @cached_property
    def curved_ends(self) -> CurvedEndsWork:
        return CurvedEndsWork(self.served, self.method, self.baseline, self.pace, self.gate)

    @cached_property
    def looks(self) -> Mapping[int, LookWork]:
        """By the number of points that a curve is to have."""
        return {
            level: LookWork(self.served, self.method, self.baseline, self.pace, self.gate, level) for level in LEVELS
        }

    @cached_property
    def along(self) -> Mapping[int, AlongWork]:
        """By the number of points that the curves have."""
        return {
            level: AlongWork(self.served, self.method, self.baseline, self.pace.along, self.gate) for level in LEVELS
        }

    def run(self, batch: Batch) -> list[list[Tensor]]:
        """For each slice the sum over its probes: one tensor ([texts,] tokens) per input."""
        slices, features, along = self._opened(batch)
        return gradients(
            self.method,
            self.explainable,
            self.served.label_set.head,
            features,
            along,
            [one.wanted.probes for one in slices],
            [one.wanted.target for one in slices],
        )

    def ran(self, payloads: Sequence[Any], seconds: float) -> None:
        self._learn(payloads, seconds)


@dataclass(frozen=True, eq=False)
class AlongWork(SlicedWork):
    """The same from the points of curves, all of as many."""

    def run(self, batch: Batch) -> list[list[Tensor]]:
        slices, features, along = self._opened(batch)
        stretches = [one.wanted for one in slices]
        head = self.served.label_set.head
        return gradients_along(self.method, self.explainable, head, features, along, stretches)

    def ran(self, payloads: Sequence[Any], seconds: float) -> None:
        self._learn(payloads, seconds)


@dataclass(frozen=True, eq=False)
class LookWork(SlicedWork):
    """The points that a curve, `wanted`, lacks to `level`."""

    level: int

    @property
    def key(self) -> tuple[Any, ...]:
        return (*super().key, self.level)

    def __reduce__(self) -> tuple[Any, ...]:
        kind, arguments = super().__reduce__()
        return kind, (*arguments, self.level)

    def run(self, batch: Batch) -> list[Curve]:
        slices, features, along = self._opened(batch)
        known = stacked([one.wanted for one in slices])
        return curves(self.explainable, features, along, self.level, known)


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


@dataclass(frozen=True, eq=False)
class EndsWork(SlicedWork):
    """Where the explained score ends, and where it starts."""

    copies = 1
    """As for a prediction: what is not too long for one can be explained."""

    def run(self, batch: Batch) -> list[InstanceEnds | InvalidInstance]:
        """InvalidInstance where the classifier has no answer."""
        _, features, along = self._opened(batch)
        return _answered(_instance_ends(ends(self.explainable, self.served.label_set.head, features, along)))


@dataclass(frozen=True, eq=False)
class WholeWork(SlicedWork):
    """All of an explanation that one slice is enough for, whatever label is predicted."""

    def run(self, batch: Batch) -> list[InstanceEnds | InvalidInstance]:
        slices, features, along = self._opened(batch)
        asked: list[Probing] = [one.wanted for one in slices]
        sums, both = gradients_and_ends(
            self.method,
            self.explainable,
            self.served.label_set.head,
            features,
            along,
            [one.probes for one in asked],
            [one.target for one in asked],
        )
        return _answered([replace(one, sums=own) for one, own in zip(_instance_ends(both), sums, strict=True)])

    def ran(self, payloads: Sequence[Any], seconds: float) -> None:
        self._learn(payloads, seconds)


@dataclass(frozen=True, eq=False)
class CurvedEndsWork(SlicedWork):
    """The ends, with what can be told of the way between."""

    copies = FIRST_LEVEL

    def run(self, batch: Batch) -> list[InstanceEnds | InvalidInstance]:
        _, features, along = self._opened(batch)
        found = curves(self.explainable, features, along, FIRST_LEVEL)
        both = _instance_ends(curved_ends(self.explainable, self.served.label_set.head, found))
        return _answered([replace(its_ends, curve=own) for its_ends, own in zip(both, found, strict=True)])


def _instance_ends(both: Ends) -> list[InstanceEnds]:
    return [InstanceEnds(*row) for row in zip(*(value.tolist() for value in both), strict=True)]


def _answered(found: Sequence[InstanceEnds]) -> list[InstanceEnds | InvalidInstance]:
    return [one if all(map(math.isfinite, one.logits)) else InvalidInstance(NO_ANSWER) for one in found]


class ExplainWorks:
    """The works there are, so that requests for the same share one. Keeps no model that nothing else keeps."""

    def __init__(self, gate: SliceGate) -> None:
        self._gate = gate
        self._works: WeakValueDictionary[tuple[ServedModel, str, str], ExplainWork] = WeakValueDictionary()
        self._paces: WeakKeyDictionary[ServedModel, Pace] = WeakKeyDictionary()

    def of(self, served: ServedModel, method: Method, baseline: str) -> ExplainWork:
        key = (served, method.name, baseline)
        work = self._works.get(key)
        if work is None:
            pace = self._paces.setdefault(served, Pace())
            work = self._works[key] = ExplainWork(served, method, baseline, pace, self._gate)
        return work
