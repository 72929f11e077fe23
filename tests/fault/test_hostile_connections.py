"""Connections that send a head without end, or very slowly, or ask to speak another protocol."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fault.resident import resident
from tests.service.process import ServerProcess, running
from tests.service.tiny import write_tiny

MiB = 1 << 20
MODEL = "biome_sequence_classifier_single"


def connected(archives_server: ServerProcess) -> socket.socket:
    url = urlsplit(archives_server.url)
    return socket.create_connection((url.hostname, url.port), timeout=15)


def said(connection: socket.socket) -> bytes:
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except OSError:
        pass
    return b"".join(parts)


HEAD = b"POST /v1/models/x:predict HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "flood",
    [b"X-Header-%d: 1\r\n" * 200_000, b"X: " + b"a" * (4 * MiB), b"A" * (4 * MiB), b"Cookie: a=b; \r\n" * 100_000],
    ids=["many", "one long", "long name", "the same"],
)
def test_heads_without_end_are_cut_off(archives_server: ServerProcess, flood: bytes) -> None:
    before = resident(archives_server)
    with connected(archives_server) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(HEAD + flood)
        assert said(connection)[:12] in {b"HTTP/1.1 431", b"HTTP/1.1 400", b""}
    assert resident(archives_server) - before < 8 * MiB


def test_a_long_url_is_cut_off(archives_server: ServerProcess) -> None:
    with connected(archives_server) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"GET /" + b"a" * MiB)
        assert not said(connection).startswith(b"HTTP/1.1 5")


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"x"])
def test_the_body_of_an_upgrade_is_not_taken_for_a_request(archives_server: ServerProcess, protocol: bytes) -> None:
    inner = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    head = HEAD + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\nContent-Length: %d\r\n\r\n" % len(inner)
    with connected(archives_server) as connection:
        connection.sendall(head + inner)
        connection.settimeout(2)
        answer = said(connection)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_body_that_does_not_come_is_the_clients_fault(archives_server: ServerProcess) -> None:
    with connected(archives_server) as connection:
        head = HEAD.replace(b"/x:", f"/{MODEL}:".encode())
        connection.sendall(head + b"X-Request-Timeout-Ms: 300\r\nContent-Length: 100\r\n\r\n{")
        connection.settimeout(1)
        assert said(connection).startswith(b"HTTP/1.1 408")


def test_long_bodies_together_are_bounded(tmp_path: Path) -> None:
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    with running(tmp_path, max_request_bytes=MiB, max_bodies_bytes=2 * MiB) as server:
        head = HEAD.replace(b"/x:", b"/mood:") + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        body = b'{"instances": ["good day"]}'.ljust(MiB)
        slow = [connected(server) for _ in range(2)]
        for connection in slow:
            connection.sendall(head % len(body) + body[:-1])
        with server.client() as client, connected(server) as late:
            for _ in range(20):  # turns of the loop, which reads what has been sent
                assert client.get("/v2/health/live").status_code == 200
            late.sendall(head % len(body) + body[: MiB // 2])
            answer = said(late)
            assert answer.startswith(b"HTTP/1.1 429")
            assert b"retry-after: 1\r\n" in answer.lower()
            assert client.post("/v1/models/mood:predict", json={"instances": ["good"]}).status_code == 200
            slow[0].close()
            slow[1].sendall(body[-1:])
            assert slow[1].recv(12) == b"HTTP/1.1 200"
            slow[1].close()
            assert client.post("/v1/models/mood:predict", content=body).status_code == 200


@pytest.mark.long
@pytest.mark.clock
def test_slow_heads_hold_nobody_up_and_end(archives_server: ServerProcess) -> None:
    slow = [connected(archives_server) for _ in range(200)]
    try:
        for connection in slow[:100]:
            connection.sendall(HEAD + b"X: ")
        for _ in range(12):
            with archives_server.client() as client:
                started = time.monotonic()
                assert client.get("/v2/health/ready").status_code == 200
                assert time.monotonic() - started < 0.5
            for connection in slow[:50]:
                with contextlib.suppress(OSError):
                    connection.sendall(b"y")
            time.sleep(1)
        for connection in slow:
            connection.settimeout(2)
            assert said(connection)[:12] in {b"HTTP/1.1 408", b""}
    finally:
        for connection in slow:
            connection.close()
