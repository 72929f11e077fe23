"""How much explaining may be under way at once: no more than what a prediction may have to wait for."""

from __future__ import annotations

import asyncio
import math
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

ALONE_S, BESIDE_PREDICTIONS_S = 0.04, 0.007
"""Seconds of a core that a slice may take, as estimated: a prediction that comes meanwhile may have to wait for it."""
ALONE_SLICES = 4
"""Slices of each core that may be under way while nobody predicts: one runs, and batches are made of the others."""
TO_SPARE = 0.5
LULL_S = 1.0
"""Without a prediction for so long, explanations take longer slices, which cost less in all."""


class SliceGate:
    """First come, first served. What alone is longer than allowed goes alone, or while nobody predicts on a core of its
    own.

    `since_prediction` gives the seconds that have passed since something interactive came; `most_tokens` is what a
    batch holds.
    """

    def __init__(
        self, since_prediction: Callable[[], float] = lambda: math.inf, cores: int = 1, most_tokens: int = sys.maxsize
    ) -> None:
        self._since_prediction = since_prediction
        self.most_tokens = most_tokens
        self._cores = cores
        self._under_way: list[float] = []
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()

    @property
    def alone(self) -> bool:
        """Whether nobody predicts."""
        return self._since_prediction() > LULL_S

    @property
    def slice_s(self) -> float:
        """Seconds that a slice may take now."""
        return ALONE_S if self.alone else BESIDE_PREDICTIONS_S

    @property
    def allowed(self) -> float:
        """Seconds that may be under way now: a slice for each core; of a single core's two, one is collated. While
        nobody predicts, a few that wait, of which the next batches are made."""
        return max(2, self._cores) * self.slice_s * (ALONE_SLICES if self.alone else 1)

    @asynccontextmanager
    async def hold(self, seconds: float) -> AsyncIterator[None]:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((seconds, turn))
        self._let_in()
        try:
            await turn
            yield
        finally:
            if turn.done() and not turn.cancelled():
                self._under_way.remove(seconds)
            else:
                self._waiting.remove((seconds, turn))
            self._let_in()

    def spares(self, seconds: float) -> bool:
        """Whether nobody predicts, and beside so much others would be let in as well."""
        return self.alone and sum(self._under_way) + seconds <= TO_SPARE * self.allowed

    def _has_room(self, seconds: float) -> bool:
        cores = self._cores if self.alone else 1
        return len(self._under_way) < cores or sum(self._under_way) + seconds <= self.allowed

    def _let_in(self) -> None:
        while self._waiting:
            seconds, turn = self._waiting[0]
            if turn.cancelled():
                return
            if not self._has_room(seconds):
                return
            self._waiting.popleft()
            self._under_way.append(seconds)
            turn.set_result(None)
