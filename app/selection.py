"""Which of the instances that wait go together.

The oldest leads every batch, and those that need the least padding beside it, within a window, join it, while all of
it costs less than one more batch would (app/cost.py). Where padding costs nothing they join as they came. Nothing waits
for more batches than there were instances before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from weakref import WeakKeyDictionary

from app.batch import Batch, Item, Work, cover, divided, padding, volume
from app.cost import BatchCost
from app.queues import Queue


@dataclass(frozen=True)
class BatchLimits:
    """Tokens are padded ones in a batch, real ones in the queue. Each model has a queue of this size."""

    batch_items: int = 64
    batch_tokens: int = 16_384
    queue_items: int = 4_096
    queue_tokens: int = 1_048_576
    wait_s: float = 0.0


class Selection:
    """Keeps what batches cost, and how many tokens they may hold: out of memory halves that."""

    def __init__(self, limits: BatchLimits) -> None:
        self.limits = limits
        self.token_budget = limits.batch_tokens
        self._costs: WeakKeyDictionary[Work, BatchCost] = WeakKeyDictionary()

    def is_full(self, queue: Queue, share: float = 1.0) -> bool:
        """Whether there is enough for a batch of that share of the limits."""
        return len(queue) >= share * self.limits.batch_items or queue.tokens >= share * self.token_budget

    def of(self, queue: Queue, work: Work, share: float = 1.0) -> list[Item]:
        """As many as fit in that share of a batch's limits. Never empty."""
        oldest = queue.oldest
        most_items = max(1, int(share * self.limits.batch_items))
        most_tokens = min(share * self.token_budget, max(1.0, share) * work.most_tokens)
        window = islice(queue, WINDOW_BATCHES * self.limits.batch_items)
        candidates = [item for item in window if not work.one_shape or item.shape == oldest.shape]
        if work.packed:
            room = self._room(work) if share <= 1 else math.inf  # each of several batches has its own
            return self._as_they_came(candidates[:most_items], most_tokens, room)
        candidates.sort(key=lambda item: padding(item.shape, oldest.shape))
        return self._nearest(candidates[:most_items], most_tokens, self._cost(work).overhead_tokens)

    def side_by_side(self, queue: Queue, work: Work, parts: int) -> list[Sequence[Item]]:
        """As many as fit in so many batches, divided among them by length: what is long pads only its own batch."""
        return [self._fitting(part, work) for part in divided(self.of(queue, work, parts), parts)]

    def _fitting(self, items: Sequence[Item], work: Work) -> list[Item]:
        """Those of them that fit in one batch, the oldest first."""
        oldest_first = sorted(items, key=lambda item: item.request.arrived)[: self.limits.batch_items]
        return self._as_they_came(oldest_first, self.token_budget, self._room(work))

    def _room(self, work: Work) -> float:
        """Padded tokens that a batch may hold: more where padding costs no time."""
        return self.token_budget * (MOST_PADDED if work.packed else 1)

    def _as_they_came(self, candidates: list[Item], most_tokens: float, most_padded: float) -> list[Item]:
        shape, real = candidates[0].shape, 0
        for count, item in enumerate(candidates, start=1):
            shape, real = cover(shape, item.shape), real + item.tokens
            if count > 1 and (real > most_tokens or count * volume(shape) > most_padded):
                return candidates[: count - 1]
        return candidates

    def _nearest(self, candidates: list[Item], most_tokens: float, most_padding: float) -> list[Item]:
        shape, real = candidates[0].shape, 0
        for count, item in enumerate(candidates, start=1):
            shape, real = cover(shape, item.shape), real + item.tokens
            padded = count * volume(shape)
            if count > 1 and (padded > most_tokens or padded - real > most_padding):
                return candidates[: count - 1]
        return candidates

    def _cost(self, work: Work) -> BatchCost:
        return self._costs.setdefault(work, BatchCost())

    # What the lane says of batches

    def ran(self, batch: Batch, seconds: float) -> None:
        self._cost(batch.work).observe(batch.padded_tokens, seconds)

    def shrink(self, batch: Batch) -> None:
        """It ran out of memory."""
        self.token_budget = max(1, min(self.token_budget, batch.padded_tokens // 2))

    def recover(self) -> None:
        """A batch had memory enough."""
        share = math.ceil(self.limits.batch_tokens * BUDGET_RECOVERY)
        self.token_budget = min(self.limits.batch_tokens, self.token_budget + share)


MOST_PADDED = 4
"""As many times a batch's tokens it may hold where padding costs no time: it takes memory."""
WINDOW_BATCHES = 8
"""Among how many full batches' worth of instances neighbours in length are looked for."""
BUDGET_RECOVERY = 0.01
"""Each batch that runs gives back this share of the limit."""
