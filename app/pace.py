"""How long a token of an explanation's slice takes, learnt from the slices that ran."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

from app.cost import BatchCost


@dataclass
class Pace:
    """`predicting` is what a token of a prediction takes, 0 where that is not known."""

    predicting: float = 0.0
    _cost: BatchCost = field(default_factory=BatchCost)

    @property
    def seconds_per_token(self) -> float:
        return max(LEAST_PACE, self._cost.seconds_per_token or self.predicting / LOOK or FIRST_PACE)

    @property
    def is_known(self) -> bool:
        """Only steps of a path teach more than predictions do: what looks at a few points instead never would."""
        return bool(self._cost.seconds_per_token or self.predicting)

    @property
    def overhead_tokens(self) -> float:
        """As many take as long as a batch does beyond its tokens; 0 where that is not known."""
        overhead = self._cost.overhead_tokens
        return overhead if math.isfinite(overhead) else 0.0

    @cached_property
    def along(self) -> Pace:
        """That of the points of curves, which stand for more than themselves (models/curve.py)."""
        return Pace(self.predicting)

    def observe(self, tokens: int, seconds: float) -> None:
        self._cost.observe(tokens, seconds)


LOOK = 0.3
"""What a look at a point takes of what a gradient there does."""
FIRST_PACE, LEAST_PACE = 1e-4, 1e-7
"""The first explanation of a large model must not hold a core for seconds before any is known."""
