"""Deadlines while a slow batch runs, and clients that leave: over real sockets, with every middleware."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.fault.metrics import sample
from tests.service.process import ServerProcess, running
from tests.service.tiny import write_tiny

pytestmark = pytest.mark.anyio

PREDICT = "/v1/models/mood:predict"
CLIENTS = 200
CANCELLED = 'vitrine_requests_total{model="mood",outcome="cancelled",verb="predict"}'
ITEMS = 'vitrine_batch_items_sum{model="mood"}'
LONG_PADDING = " " * (1 << 20)
DEADLINE_MS, LATE_MS = 150, 150


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    store = tmp_path_factory.mktemp("store")
    write_tiny(store, "mood", labels=["good", "bad"])
    with running(store, admin_keys="k", max_batch_items=64, threads=1) as process:
        yield process


@pytest.mark.clock
@pytest.mark.parametrize("told", ["parameter", "header"])
@pytest.mark.parametrize("verb", ["predict", "explain"])
async def test_deadlines_are_kept_while_a_slow_batch_runs(server: ServerProcess, verb: str, told: str) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        await client.post(f"/v1/models/mood:{verb}", json={"instances": ["warm"]})
        slow = asyncio.create_task(client.post(PREDICT, json={"instances": ["SLOW"]}))
        await asyncio.sleep(0.1)
        body = {"instances": ["late"]}
        parameters = {"parameters": {"deadline_ms": DEADLINE_MS}} if told == "parameter" else {}
        headers = {"x-request-timeout-ms": str(DEADLINE_MS)} if told == "header" else {}

        async def ask() -> tuple[int, float]:
            started = time.monotonic()
            answer = await client.post(f"/v1/models/mood:{verb}", json=body | parameters, headers=headers)
            return answer.status_code, 1000 * (time.monotonic() - started)

        answers = await asyncio.gather(*(ask() for _ in range(20)))
        assert not slow.done()
        assert {status for status, _ in answers} == {504}
        assert max(took for _, took in answers) < DEADLINE_MS + LATE_MS
        assert (await slow).status_code == 200


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "soon", "9" * 40])
def test_a_deadline_that_is_none_is_refused(server: ServerProcess, value: str) -> None:
    with server.client() as client:
        answer = client.post(PREDICT, json={"instances": ["a"]}, headers={"x-request-timeout-ms": value})
        assert answer.status_code == 422
        assert "X-Request-Timeout-Ms" in answer.json()["detail"]


@pytest.mark.clock
async def test_a_header_bounds_what_the_body_allows(server: ServerProcess) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        started = time.monotonic()
        body = {"instances": ["SLOW"], "parameters": {"deadline_ms": 10_000}}
        answer = await client.post(PREDICT, json=body, headers={"x-request-timeout-ms": "100"})
        assert answer.status_code == 504
        assert time.monotonic() - started < 0.5


@pytest.mark.clock
@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("verb", ["predict", "explain"])
async def test_of_clients_that_vanish_nothing_reaches_the_device(server: ServerProcess, verb: str, leave: str) -> None:
    url = urlsplit(server.url)
    body = json.dumps({"instances": ["x y z", "p q"]})
    path = f"/v1/models/mood:{verb}"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    cancelled = CANCELLED.replace("predict", verb)
    with server.client() as probe:
        probe.post(path, json={"instances": ["warm"]})
        cancelled_before, items_before = sample(probe, cancelled), sample(probe, ITEMS)
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
            slow = asyncio.create_task(client.post(PREDICT, json={"instances": ["SLOW"]}))
            await asyncio.sleep(0.1)
            connections = []
            for _ in range(CLIENTS):
                connection = socket.create_connection((url.hostname, url.port))
                connection.sendall(head.encode() + body.encode())
                connections.append(connection)
            await asyncio.sleep(0.2)
            assert sample(probe, "vitrine_queue_items") >= CLIENTS
            for connection in connections:
                if leave == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
            await asyncio.sleep(0.2)
            assert not slow.done()
            assert sample(probe, "vitrine_queue_items") == 0
            assert (await slow).status_code == 200
            started = time.monotonic()
            assert (await client.post(PREDICT, json={"instances": ["next"]})).status_code == 200
            assert time.monotonic() - started < 0.25
        assert sample(probe, cancelled) - cancelled_before == CLIENTS
        # The slow one and the next; the batch that was handed over already is dropped whole.
        assert sample(probe, ITEMS) - items_before == 2


@pytest.mark.clock
async def test_a_client_that_vanishes_after_a_long_body_is_noticed_too(server: ServerProcess) -> None:
    """Reading stops beyond 64 KiB, and with it, were it not resumed, the news that nobody is there any more."""
    url = urlsplit(server.url)
    body = json.dumps({"instances": ["x y z"]}) + LONG_PADDING
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with server.client() as probe:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
            slow = asyncio.create_task(client.post(PREDICT, json={"instances": ["SLOW"]}))
            await asyncio.sleep(0.1)
            with socket.create_connection((url.hostname, url.port)) as connection:
                connection.sendall(head.encode() + body.encode())
                await asyncio.sleep(0.1)
                assert sample(probe, "vitrine_queue_items") == 1
            await asyncio.sleep(0.1)
            assert not slow.done()
            assert sample(probe, "vitrine_queue_items") == 0
            assert (await slow).status_code == 200


async def test_clients_that_hang_up_half_way_leave_nothing(server: ServerProcess) -> None:
    url = urlsplit(server.url)
    body = json.dumps({"instances": ["x"]})
    request = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    for number in range(CLIENTS):
        with socket.create_connection((url.hostname, url.port)) as connection:
            connection.sendall(request[: 1 + number % (len(request) - 1)])
    await asyncio.sleep(0.5)
    with server.client() as client:
        assert sample(client, "vitrine_queue_items") == 0
        assert client.post(PREDICT, json={"instances": ["fine"]}).status_code == 200
