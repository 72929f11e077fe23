"""What is given to a connection in one turn of the event loop is written at once, and an answer when it is whole."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Awaitable, Callable

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from app.protocol import Gathered, Protocol

pytestmark = pytest.mark.anyio


class Wire:
    """A real connection, whose transport's writes are counted on their way."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.writes: list[int] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.transport, name)

    def writelines(self, parts: list[bytes]) -> None:
        self.writes.append(len(parts))
        self.transport.writelines(parts)


async def connected() -> tuple[Gathered, Wire, socket.socket]:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    wire = Wire(transport)
    return Gathered(wire, loop), wire, theirs


async def test_one_turn_is_one_write_in_order() -> None:
    transport, wire, peer = await connected()
    with peer:
        for part in (b"head ", b"body"):
            transport.write(part)
        await asyncio.sleep(0)
        transport.write(b" more")
        await asyncio.sleep(0)
        assert wire.writes == [2, 1]
        assert peer.recv(100) == b"head body more"
        transport.close()


async def test_what_was_written_goes_before_the_end() -> None:
    transport, _, peer = await connected()
    with peer:
        transport.write(b"last words")
        transport.close()
        await asyncio.sleep(0.01)
        assert peer.recv(100) == b"last words"
        assert peer.recv(100) == b""


async def test_nothing_is_written_to_a_connection_that_was_lost() -> None:
    transport, wire, peer = await connected()
    peer.close()
    transport.write(b"to nobody")
    wire.transport.abort()
    await asyncio.sleep(0.01)
    assert wire.writes == []


async def test_an_answer_leaves_before_what_its_application_does_afterwards() -> None:
    ours, client = socket.socketpair()
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[bytes] = loop.create_future()

    async def application(scope: object, receive: object, send: Callable[..., Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        assert not readable(client), "its head went alone"
        await send({"type": "http.response.body", "body": b"done"})
        arrived.set_result(client.recv(1000, socket.MSG_DONTWAIT))

    config = Config(application, http=Protocol, log_config=None)
    config.load()
    await loop.create_connection(lambda: Protocol(config, ServerState(), {}, loop), sock=ours)
    with client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        answer = await asyncio.wait_for(arrived, timeout=10)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\ndone")
        assert not readable(client)


def readable(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0)[0])
