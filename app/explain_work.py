"""The works of an explanation: what the device lane runs for it, slice by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from torch import Tensor

from app.curve_work import AlongWork, CurvedEndsWork, CurvedWholeWork, CurveWork, FinerLookWork
from app.pace import Pace
from app.served import ServedModel
from app.slice_gate import SliceGate
from app.sliced_work import InstanceEnds, Probing, SlicedWork, answered, instance_ends
from app.usual_level import UsualLevel
from models.classifier import Batch
from models.curve import LEVELS
from models.errors import InvalidInstance
from models.explain import ends, gradients, gradients_and_ends
from models.explain_methods import Method

OfCurves = TypeVar("OfCurves", bound=CurveWork)


@dataclass(frozen=True, eq=False)
class ExplainWork(SlicedWork):
    """Gradients for one classifier by one method. Requests that share it share its batches."""

    usual: UsualLevel = field(default_factory=UsualLevel)

    @cached_property
    def ends(self) -> EndsWork:
        return EndsWork(self.served, self.method, self.baseline, self.pace, self.gate)

    @cached_property
    def whole(self) -> WholeWork:
        return WholeWork(self.served, self.method, self.baseline, self.pace, self.gate)

    @cached_property
    def curved_ends(self) -> Mapping[int, CurvedEndsWork]:
        """As the next ones by the points of the curves."""
        return self._by_level(CurvedEndsWork, self.pace)

    @cached_property
    def curved_wholes(self) -> Mapping[int, CurvedWholeWork]:
        return self._by_level(CurvedWholeWork, self.pace.along)

    @cached_property
    def finer_looks(self) -> Mapping[int, FinerLookWork]:
        return self._by_level(FinerLookWork, self.pace)

    @cached_property
    def along(self) -> Mapping[int, AlongWork]:
        return self._by_level(AlongWork, self.pace.along)

    def _by_level(self, kind: type[OfCurves], pace: Pace) -> dict[int, OfCurves]:
        return {level: kind(self.served, self.method, self.baseline, pace, self.gate, level) for level in LEVELS}

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
class EndsWork(SlicedWork):
    """Where the explained score ends, and where it starts."""

    copies = 1
    """As for a prediction: what is not too long for one can be explained."""

    def run(self, batch: Batch) -> list[InstanceEnds | InvalidInstance]:
        """InvalidInstance where the classifier has no answer."""
        _, features, along = self._opened(batch)
        return answered(instance_ends(ends(self.explainable, self.served.label_set.head, features, along)))


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
        return answered([replace(one, sums=own) for one, own in zip(instance_ends(both), sums, strict=True)])

    def ran(self, payloads: Sequence[Any], seconds: float) -> None:
        self._learn(payloads, seconds)


class ExplainWorks:
    """The works there are, so that requests for the same share one. Keeps no model that nothing else keeps."""

    def __init__(self, gate: SliceGate) -> None:
        self._gate = gate
        self._works: WeakValueDictionary[tuple[ServedModel, str, str], ExplainWork] = WeakValueDictionary()
        self._learnt: WeakKeyDictionary[ServedModel, tuple[Pace, UsualLevel]] = WeakKeyDictionary()

    def of(self, served: ServedModel, method: Method, baseline: str) -> ExplainWork:
        key = (served, method.name, baseline)
        work = self._works.get(key)
        if work is None:
            pace, usual = self._learnt.setdefault(served, (Pace(served.spreading.token_s), UsualLevel()))
            work = self._works[key] = ExplainWork(served, method, baseline, pace, self._gate, usual)
        return work
