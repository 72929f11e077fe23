"""How much explaining may be under way at once: no more than what a prediction may have to wait for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SLICE_S = 0.04
"""Seconds of the device that the slices in flight may take, as estimated: they may end up in one batch."""


class SliceGate:
    """First come, first served. What alone is longer than allowed goes alone."""

    def __init__(self, seconds: float = SLICE_S) -> None:
        self._allowed = seconds
        self._under_way: list[float] = []
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()

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

    def _let_in(self) -> None:
        while self._waiting:
            seconds, turn = self._waiting[0]
            if turn.cancelled():
                return
            if self._under_way and sum(self._under_way) + seconds > self._allowed:
                return
            self._waiting.popleft()
            self._under_way.append(seconds)
            turn.set_result(None)
