"""The works that look at curves (models/curve.py) instead of every step of a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from app.sliced_work import InstanceEnds, Probing, SlicedWork, answered, instance_ends
from models.classifier import Batch
from models.curve import Curve, curved_ends, curves, curves_and_gradients, gradients_along, stacked
from models.errors import InvalidInstance


@dataclass(frozen=True, eq=False)
class CurveWork(SlicedWork):
    """Of curves that have, or are to have, so many points."""

    level: int

    @property
    def key(self) -> tuple[Any, ...]:
        return (*super().key, self.level)

    def __reduce__(self) -> tuple[Any, ...]:
        kind, arguments = super().__reduce__()
        return kind, (*arguments, self.level)


@dataclass(frozen=True, eq=False)
class CurvedEndsWork(CurveWork):
    """The ends, with what can be told of the way between."""

    @property
    def copies(self) -> int:
        return self.level

    def run(self, batch: Batch) -> list[InstanceEnds | InvalidInstance]:
        _, features, along = self._opened(batch)
        found = curves(self.explainable, features, along, self.level)
        both = instance_ends(curved_ends(self.explainable, self.served.label_set.head, found))
        return answered([replace(its_ends, curve=own) for its_ends, own in zip(both, found, strict=True)])


@dataclass(frozen=True, eq=False)
class FinerLookWork(CurveWork):
    """The points that a curve, `wanted`, lacks to the level."""

    def run(self, batch: Batch) -> list[Curve]:
        slices, features, along = self._opened(batch)
        known = stacked([one.wanted for one in slices])
        return curves(self.explainable, features, along, self.level, known)


@dataclass(frozen=True, eq=False)
class AlongWork(CurveWork):
    """Gradients from the points of curves."""

    def run(self, batch: Batch) -> list[list[Tensor]]:
        slices, features, along = self._opened(batch)
        stretches = [one.wanted for one in slices]
        head = self.served.label_set.head
        return gradients_along(self.method, self.explainable, head, features, along, stretches)

    def ran(self, payloads: Sequence[Any], seconds: float) -> None:
        self._learn(payloads, seconds)


@dataclass(frozen=True, eq=False)
class CurvedWholeWork(CurveWork):
    """The ends and the gradients as well, where the curve turns out to be smooth."""

    def run(self, batch: Batch) -> list[InstanceEnds | InvalidInstance]:
        slices, features, along = self._opened(batch)
        asked: list[Probing] = [one.wanted for one in slices]
        found, sums, both = curves_and_gradients(
            self.method,
            self.explainable,
            self.served.label_set.head,
            features,
            along,
            self.level,
            [one.probes for one in asked],
            [one.target for one in asked],
        )
        told = zip(instance_ends(both), found, sums, strict=True)
        return answered([replace(its_ends, curve=curve, sums=own) for its_ends, curve, own in told])

    def ran(self, payloads: Sequence[Any], seconds: float) -> None:
        self._learn(payloads, seconds)
