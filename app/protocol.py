"""uvicorn's HTTP protocol, with an end to its patience: a head comes soon and is no book, an answer is read.

A slow or endless head would hold a connection, or memory, for ever; so would a client that does not read.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.patience import DEPARTURE

HEAD_SECONDS = 10
"""From the connection, or a head's first byte, to its end."""
HEAD_BYTES = 64 << 10
UNREAD_SECONDS = 60
"""How long an answer may wait for a client that does not read it."""

BODY_HEADERS = (b"content-length", b"transfer-encoding")
TOO_LARGE = b"431 Request Header Fields Too Large"
TOO_SLOW = b"408 Request Timeout"


class Gathered:
    """A transport that writes once what it is given until it is flushed, or for one turn of the event loop: the head of
    an answer comes apart from its body, and each would be a system call, behind which other threads have the
    interpreter."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(data)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.writelines(parts)


class Protocol(HttpToolsProtocol):
    transport: Gathered  # type: ignore[assignment]
    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True
    _departure: asyncio.Future[None]

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Gathered(transport, self.loop))  # type: ignore[arg-type]
        self._departure = self.loop.create_future()
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(TOO_LARGE)
            elif self._head_timer is None:
                self._wait_for_head()

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()
        self.scope[DEPARTURE] = self._departure  # type: ignore[literal-required]  # ASGI allows keys of one's own

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_is_here()
        if self.parser.should_upgrade() and any(name in BODY_HEADERS for name, _ in self.headers):
            # The parser would take the body for another request.
            raise ValueError("a request with a body asks to speak another protocol")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if not self.pipeline:
            self.flow.resume_reading()  # a long body stopped it, but nobody would see the connection's end then

    def on_response_complete(self) -> None:
        self.transport.flush()  # its client need not wait until it is counted and logged
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        if not self._departure.done():
            self._departure.set_result(None)
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._refuse, TOO_SLOW)

    def _head_is_here(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status)
            self.transport.close()
