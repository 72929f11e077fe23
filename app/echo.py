"""Who has just been answered often asks again at once.

Were the first of them let onto the free core alone, the others would wait for that batch of one: a whole batch's
overhead for a single instance. So for a moment a core waits for as many as were answered, no longer than they keep
coming, and never longer than a small share of what the last batch took.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.batch import Batch


@dataclass
class Echo:
    """Of one work. Times are seconds of one clock."""

    _answered: int = 0
    _latest: float = -math.inf
    _end: float = -math.inf

    def expect(self, batch: Batch, now: float) -> None:
        """It is about to be answered. Of who asked for several at once others may still be on their way."""
        self._answered = sum([len(item.request.rows) == 1 for item in batch.items])
        self._latest = now + ANSWERING_S
        self._end = now + SHARE * (now - batch.started)

    def heard(self, now: float) -> None:
        """Another request came."""
        self._latest = now

    def remaining_s(self, now: float, waiting: int) -> float:
        """For how long it is worth while to wait for more than those who do."""
        if waiting >= self._answered:
            return 0.0
        return max(0.0, min(self._latest + GAP_S, self._end) - now)


ANSWERING_S = 0.002
"""What it takes until the first of them can be heard."""
GAP_S = 0.002
"""Who comes later than this after the one before is not waited for."""
SHARE = 0.1
