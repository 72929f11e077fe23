"""What a batch costs, learnt from those that ran: seconds = overhead + tokens x seconds per token.

The overhead (launching kernels, walking through layers) is what makes batches worth while; the cost of a token
is what makes padding expensive. Their ratio says how much padding is cheaper than one more batch: thousands of
tokens on a GPU, some tens for a transformer on a CPU.

Timings err in proportion to their length, so the line is fitted to seconds per token over 1 / tokens, whose
slope is the overhead: small batches then tell as much as large ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class BatchCost:
    """Least squares over recent batches, older ones weighing less. x is 1 / tokens, y is seconds per token."""

    overhead_tokens: float = math.inf
    """As many tokens cost as much as the overhead of one batch. Infinite until it is known."""
    seconds_per_token: float = 0.0
    """Beyond the overhead, as far as that is known. 0 until anything is."""
    _seen: int = 0
    _weight: float = 0.0
    _x: float = 0.0
    _y: float = 0.0
    _xx: float = 0.0
    _xy: float = 0.0

    def observe(self, tokens: int, seconds: float) -> None:
        self._seen += 1
        if self._seen <= WARM_UP_BATCHES or not tokens:
            return
        x, y = 1 / tokens, seconds / tokens
        self._weight = self._weight * MEMORY + 1
        self._x = self._x * MEMORY + x
        self._y = self._y * MEMORY + y
        self._xx = self._xx * MEMORY + x * x
        self._xy = self._xy * MEMORY + x * y
        self._fit()

    def _fit(self) -> None:
        mean_x, mean_y = self._x / self._weight, self._y / self._weight
        variance = self._xx / self._weight - mean_x**2
        if variance < (LEAST_SPREAD * mean_x) ** 2:
            self.seconds_per_token = self.seconds_per_token or mean_y
            return
        overhead = (self._xy / self._weight - mean_x * mean_y) / variance
        per_token = self.seconds_per_token = mean_y - overhead * mean_x
        self.overhead_tokens = max(LEAST_OVERHEAD_TOKENS, overhead / per_token) if per_token > 0 else math.inf


MEMORY = 0.98
"""Weight that an observation keeps with each later one: the last fifty or so count."""
WARM_UP_BATCHES = 2
"""The first ones of a work are slow once and say nothing."""
LEAST_SPREAD = 0.2
"""Standard deviation over mean, below which a slope would be noise; what is known is kept then."""
LEAST_OVERHEAD_TOKENS = 8.0
"""No device runs a batch for less; noise might say so."""
