"""How long a request is worth its work: until its deadline, and while its client is there."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from starlette.types import Message, Receive

from app.errors import ClientGone, DeadlineExceeded


class Patience:
    """A block that ends early with DeadlineExceeded or ClientGone. The deadline counts from the block's start."""

    def __init__(self, deadline_ms: int) -> None:
        self._deadline_ms = deadline_ms
        self._started = asyncio.get_running_loop().time()
        self._timeout = asyncio.timeout_at(self._started + deadline_ms / 1000)
        self._watch: asyncio.Future[Message] | None = None
        self._gone = False

    def allow(self, deadline_ms: int) -> None:
        self._deadline_ms = deadline_ms
        self._timeout.reschedule(self._started + deadline_ms / 1000)

    def watch(self, receive: Receive) -> None:
        """From here on a client that disconnects ends the block. Call it once the body is read."""
        self._watch = asyncio.ensure_future(receive())
        self._watch.add_done_callback(self._on_message)

    def _on_message(self, watch: asyncio.Future[Message]) -> None:
        if watch is self._watch and not watch.cancelled():
            self._gone = True
            self._timeout.reschedule(self._started)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        watch, self._watch = self._watch, None
        if watch:
            watch.cancel()
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise ClientGone if self._gone else DeadlineExceeded(self._deadline_ms) from None
