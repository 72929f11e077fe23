"""How long a request is worth its work: until its deadline, and while its client is there."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from starlette.types import Receive, Scope

from app.errors import BodyTimeout, ClientGone, DeadlineExceeded, InvalidParameters, ServiceError
from app.wire import read_body


class Patience:
    """A block that ends early with DeadlineExceeded or ClientGone. The deadline counts from the block's start."""

    def __init__(self, default_ms: int, most_ms: int | None = None) -> None:
        """`most_ms` is what goes before the default and whatever is allowed later."""
        self._most_ms = most_ms or LONGEST_MS
        self._deadline_ms = most_ms or default_ms
        self._reading = False
        self._started = asyncio.get_running_loop().time()
        self._timeout = asyncio.timeout_at(self._started + self._deadline_ms / 1000)
        self._departure: asyncio.Future[Any] | None = None
        self._gone = False

    async def read(self, receive: Receive) -> bytes:
        """The body. Where it does not come in time the block ends with BodyTimeout."""
        self._reading = True
        body = await read_body(receive)
        self._reading = False
        return body

    def allow(self, deadline_ms: int) -> None:
        self._deadline_ms = min(deadline_ms, self._most_ms)
        self._timeout.reschedule(self._started + self._deadline_ms / 1000)

    def watch(self, scope: Scope, receive: Receive) -> None:
        """From here on a client that disconnects ends the block. Call it once the body is read."""
        self._departure = scope.get(DEPARTURE) or asyncio.ensure_future(receive())
        self._departure.add_done_callback(self._on_departure)

    def _on_departure(self, departure: asyncio.Future[Any]) -> None:
        if departure is self._departure:
            self._gone = True
            self._timeout.reschedule(self._started)

    def _end_watch(self, departure: asyncio.Future[Any]) -> None:
        departure.remove_done_callback(self._on_departure)
        if isinstance(departure, asyncio.Task):  # not the connection's own
            departure.cancel()

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        departure, self._departure = self._departure, None
        if departure:
            self._end_watch(departure)
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise self._reason() from None

    def _reason(self) -> ServiceError:
        if self._gone:
            return ClientGone()
        return BodyTimeout(self._deadline_ms) if self._reading else DeadlineExceeded(self._deadline_ms)


DEPARTURE = "vitrine.departure"
"""In the scope of a request, where the server knows: a future that is done when the connection is lost. A task that
waits for the next message, which any server allows, costs as much as reading the request."""
DEADLINE = b"x-request-timeout-ms"
LONGEST_MS = 3_600_000


def allowed_ms(scope: Scope) -> int | None:
    """What the X-Request-Timeout-Ms of proxies allows; None without one. Raises InvalidParameters."""
    for name, value in scope["headers"]:
        if name == DEADLINE:
            if not value.isdigit() or len(value) > len(str(LONGEST_MS)) or not 1 <= int(value) <= LONGEST_MS:
                raise InvalidParameters(f"X-Request-Timeout-Ms must be a number of milliseconds, 1 to {LONGEST_MS}.")
            return int(value)
    return None
