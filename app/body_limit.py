"""How long one body may be, and how much of all bodies may be in memory at once."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge, Overloaded, ServiceError, problem_of
from app.problems import send_problem

SHORT = 65_536
"""Bodies that say that they are no longer than this are not counted: a connection buffers as much by itself."""


class _Refused(Exception):
    """Not one of the errors that an application answers in its own words, with the rest of the body still to come."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__(error)
        self.error = error


class BodyLimit:
    """Answers 413 to a body longer than `limit` bytes, and 429 to one that would make more than `together` of all that
    are being read or answered, without reading on."""

    def __init__(self, app: ASGIApp, limit: int, together: int) -> None:
        self.app = app
        self.limit = limit
        self.together = max(limit, together)
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = _declared_length(scope)
        if 0 <= declared <= min(self.limit, SHORT):
            await self.app(scope, receive, send)
            return
        body = _Body(self, send)
        try:
            if declared > self.limit:
                raise _Refused(BodyTooLarge(self.limit))
            await self.app(scope, lambda: body.receive(receive), body.send)
        except _Refused as refused:
            await send_problem(scope, send, problem_of(refused.error), {b"connection": b"close"})
        finally:
            self._held -= body.received

    def count(self, body: _Body, more: int) -> None:
        """Raises what the request is to be answered."""
        body.received += more
        self._held += more
        if body.received > self.limit:
            raise _Refused(BodyTooLarge(self.limit))
        if self._held > self.together:
            raise _Refused(
                Overloaded("Too many long bodies are being read. Try again in 1 s, or with shorter requests.")
            )


@dataclass
class _Body:
    """One that is counted."""

    limits: BodyLimit
    _send: Send
    received: int = 0
    _refused: _Refused | None = None
    _answering: bool = False

    async def receive(self, receive: Receive) -> Message:
        message = await receive()
        try:
            self.limits.count(self, len(message.get("body", b"")))
        except _Refused as refused:
            self._refused = refused
            raise
        return message

    async def send(self, message: Message) -> None:
        if self._refused and not self._answering:
            raise self._refused  # an application that caught it and answers in its own words
        self._answering = True
        await self._send(message)


def _declared_length(scope: Scope) -> int:
    """-1 where the head does not say, or says it is a stream."""
    length = -1
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return -1
        if name == b"content-length" and value.isdigit():
            length = int(value)
    return length
