"""How a work is best spread over the cores of a CPU, as app/trials.py found it out. Any other device is one core."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Spread(NamedTuple):
    """Instances in at most so many `parts` side by side, each a batch of its own with so many `threads` of torch."""

    parts: int = 1
    threads: int = 1


ONE_THREAD = Spread()


@dataclass(frozen=True)
class Spreading:
    """The best spread of one instance alone, and of more by their tokens, for the numbers that were measured."""

    alone: Spread = ONE_THREAD
    batches: Mapping[float, Spread] = field(default_factory=lambda: {1: ONE_THREAD})
    token_s: float = 0.0
    """Seconds that a token of the largest batch took on one thread; 0 where nothing was measured."""

    def of(self, instances: int, tokens: int) -> Spread:
        """That of so many instances of so many tokens in all."""
        total = max(1, tokens)
        nearest = self.batches[min(self.batches, key=lambda measured: abs(math.log(measured / total)))]
        return Spread(nearest.parts, self.alone.threads) if instances == 1 else nearest
