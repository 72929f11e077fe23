"""How many points the curves of a model's explanations usually need, learnt from those that were looked at."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from models.curve import LEVELS, Curve

LATELY = 32
FEW = 4
"""Less is not held for usual."""
MOST = 0.9
"""Of the curves that are smooth at any level, the share that the usual one has to be enough for."""


@dataclass
class UsualLevel:
    _needed: deque[float] = field(default_factory=lambda: deque(maxlen=LATELY))

    def observe(self, curve: Curve) -> None:
        self._needed.append(curve.needed)

    @property
    def level(self) -> int | None:
        """None while few were seen, and where half of them are not smooth at any level."""
        smooth = sorted(needed for needed in self._needed if needed <= LEVELS[-1])
        if len(smooth) < max(FEW, len(self._needed) / 2):
            return None
        needed = smooth[round(MOST * (len(smooth) - 1))]
        return next(level for level in LEVELS if level >= needed)
