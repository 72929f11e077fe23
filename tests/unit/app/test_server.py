"""The end of a server."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop

from app.main import create_app
from app.protocol import Protocol
from app.server import Server
from app.settings import Settings

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


async def answered_at_the_end(settings: Settings) -> bytes:
    """What somebody is answered who connects as a server ends."""
    app = create_app(settings)
    config = uvicorn.Config(app, port=0, http=Protocol, lifespan="on", log_config=None)
    config.load()
    server = Server(config, app.state.service)
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    listener = OneMoreComes(server.servers[0])
    server.servers = [listener]
    server.should_exit = True
    while listener.late is None:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    with listener.late as client:
        await asyncio.to_thread(client.sendall, REQUEST)
        answer = await asyncio.to_thread(client.recv, 1000)
    await asyncio.wait_for(serving, 20)
    return answer


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_connects_as_the_socket_closes_is_answered(tmp_path: Path, loop: Any) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        answer = runner.run(answered_at_the_end(Settings(store=tmp_path, device="cpu", threads=1)))
    assert answer.startswith(b"HTTP/1.1 200")
