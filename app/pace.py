"""How long a token of an explanation's slice takes, learnt from the slices that ran."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

from app.cost import BatchCost


@dataclass
class Pace:
    _cost: BatchCost = field(default_factory=BatchCost)

    @property
    def seconds_per_token(self) -> float:
        return max(LEAST_PACE, self._cost.seconds_per_token or FIRST_PACE)

    @property
    def is_known(self) -> bool:
        """Only steps of a path teach it: what looks at a few points instead never would."""
        return bool(self._cost.seconds_per_token)

    @property
    def overhead_tokens(self) -> float:
        """As many take as long as a batch does beyond its tokens; 0 where that is not known."""
        overhead = self._cost.overhead_tokens
        return overhead if math.isfinite(overhead) else 0.0

    @cached_property
    def along(self) -> Pace:
        """That of the points of curves, which stand for more than themselves (models/curve.py)."""
        return Pace()

    def observe(self, tokens: int, seconds: float) -> None:
        self._cost.observe(tokens, seconds)


FIRST_PACE, LEAST_PACE = 1e-4, 1e-7
"""The first explanation of a large model must not hold a core for seconds before any is known."""
