"""The end of a server."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any, Self

import pytest
import uvicorn
import uvloop

from app.main import create_app
from app.protocol import Protocol
from app.server import Server
from app.settings import Settings
from tests.service.tls import self_signed

REQUEST = b"GET /v2/health/live HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n"


class OneMoreComes:
    """A listener to which somebody connects after the last look at it, before it closes."""

    def __init__(self, listener: Any) -> None:
        self._listener = listener
        self.sockets, self.wait_closed = listener.sockets, listener.wait_closed
        self.late: socket.socket | None = None

    def close(self) -> None:
        if self.late is None:
            self.late = socket.create_connection(self.sockets[0].getsockname()[:2], timeout=10)
        self._listener.close()


class Ending:
    """A server that is told to end, and `late`, who connects as it does."""

    def __init__(self, settings: Settings) -> None:
        app = create_app(settings)
        config = uvicorn.Config(
            app,
            port=0,
            http=Protocol,
            lifespan="on",
            log_config=None,
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
        )
        config.load()
        self._server = Server(config, app.state.service)
        self._serving: asyncio.Task[None]
        self.late: socket.socket

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(self._server._serve())
        while not self._server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        listener = OneMoreComes(self._server.servers[0])
        self._server.servers = [listener]
        self._server.should_exit = True
        while listener.late is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self.late = listener.late
        return self

    async def __aexit__(self, *_: object) -> None:
        with self.late:
            await asyncio.wait_for(self._serving, 20)


async def answered_at_the_end(settings: Settings) -> bytes:
    async with Ending(settings) as ending:
        await asyncio.to_thread(ending.late.sendall, REQUEST)
        return await asyncio.to_thread(ending.late.recv, 1000)


async def ends_beside_who_is_silent(settings: Settings) -> None:
    async with Ending(settings):
        pass


LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])


@LOOPS
def test_who_connects_as_the_socket_closes_is_answered(tmp_path: Path, loop: Any) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        answer = runner.run(answered_at_the_end(Settings(store=tmp_path, device="cpu", threads=1)))
    assert answer.startswith(b"HTTP/1.1 200")


@LOOPS
def test_who_connects_then_and_never_speaks_tls_does_not_hold_up_the_end(tmp_path: Path, loop: Any) -> None:
    certificate, key = self_signed(tmp_path)
    store = tmp_path / "store"
    store.mkdir()
    settings = Settings(store=store, device="cpu", threads=1, tls_certificate=certificate, tls_key=key)
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(ends_beside_who_is_silent(settings))
