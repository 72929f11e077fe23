"""Many clients at once: every answer right, nobody harmed by a neighbour, nothing left behind."""

import asyncio
import json
import random
import re
import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest

from tests.service.offline import offline_scores, wire_scores
from tests.service.process import running
from tests.service.tiny import write_tiny

pytestmark = pytest.mark.anyio

PREDICT = "/v1/models/mood:predict"
CLIENTS, SECONDS = 200, 4


def metric(client, name):
    found = re.search(rf"^{re.escape(name)} (.+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_every_answer_of_many_clients_is_the_offline_answer(server, mood):
    rng = random.Random(1)
    words = ["what", "a", "day", "film", "hard", "seats", "so", "long", "fine", "dull"]
    texts = [" ".join(rng.choices(words, k=rng.randint(1, 60))) for _ in range(60)]
    expected = {text: offline_scores(mood, text) for text in texts}
    faults = {"": 422, "NO_ANSWER": 422, "BREAK_ENCODE": 500, "BREAK_COLLATE": 500, "word " * 151: 422}
    answered = dict.fromkeys([200, 422, 500], 0)

    async def client_loop(client, seed):
        own = random.Random(seed)
        while time.monotonic() < until:
            asked = own.choices(texts, k=own.choice([1, 1, 1, 3, 20]))
            fault = own.choice(list(faults)) if own.random() < 0.15 else None
            sent = asked if fault is None else [*asked, fault]
            answer = await client.post(PREDICT, json={"instances": sent})
            assert answer.status_code == (200 if fault is None else faults[fault]), answer.text
            answered[answer.status_code] += 1
            if fault is None:
                for text, prediction in zip(asked, answer.json()["predictions"], strict=True):
                    assert wire_scores(prediction) == pytest.approx(expected[text], abs=1e-5)

    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=server.url, timeout=30, limits=limits) as client:
        until = time.monotonic() + SECONDS
        await asyncio.gather(*(client_loop(client, seed) for seed in range(CLIENTS)))
    assert all(answered.values()), answered
    with server.client() as client:
        assert metric(client, "vitrine_queue_items") == 0
        assert client.get("/v2/health/ready").status_code == 200


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory):
    """A batch takes 300 ms and holds two instances; the queue holds six."""
    store = tmp_path_factory.mktemp("slow")
    write_tiny(store, "mood", labels=["good", "bad"], batch_seconds=0.3)
    limits = {"max_batch_items": 2, "max_queue_items": 6, "max_instances_per_request": 6}
    with running(store, **limits) as server:
        yield server


@pytest.mark.clock
async def test_a_deadline_is_kept_while_a_batch_runs_and_its_work_is_dropped(slow_server):
    async with httpx.AsyncClient(base_url=slow_server.url, timeout=20) as client:
        busy = asyncio.create_task(client.post(PREDICT, json={"instances": ["a", "b", "c", "d"]}))
        await asyncio.sleep(0.1)
        started = time.monotonic()
        late = await client.post(PREDICT, json={"instances": ["late"], "parameters": {"deadline_ms": 100}})
        assert late.status_code == 504
        assert 0.08 < time.monotonic() - started < 0.5
        assert (await busy).status_code == 200


async def test_a_client_that_goes_away_leaves_the_queue(slow_server):
    url = urlsplit(slow_server.url)
    body = json.dumps({"instances": ["x", "y", "z"]})
    request = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    with slow_server.client() as probe:
        cancelled = 'vitrine_requests_total{model="mood",outcome="cancelled",verb="predict"}'
        before = metric(probe, cancelled)
        async with httpx.AsyncClient(base_url=slow_server.url, timeout=20) as client:
            busy = asyncio.create_task(client.post(PREDICT, json={"instances": ["a", "b", "c", "d"]}))
            await asyncio.sleep(0.1)
            with socket.create_connection((url.hostname, url.port)) as connection:
                connection.sendall(request)
                await asyncio.sleep(0.1)
                assert metric(probe, "vitrine_queue_items") == 3
            await asyncio.sleep(0.05)
            assert metric(probe, "vitrine_queue_items") == 0
            assert metric(probe, cancelled) == before + 1
            assert (await busy).status_code == 200


async def test_a_full_queue_says_when_to_come_back(slow_server):
    async with httpx.AsyncClient(base_url=slow_server.url, timeout=20) as client:
        asked = [asyncio.create_task(client.post(PREDICT, json={"instances": ["a"]})) for _ in range(30)]
        answers = await asyncio.gather(*asked)
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= 6
    for answer in answers:
        if answer.status_code == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert answer.json()["code"] == "overloaded"


async def test_a_storm_of_disconnects_leaves_nothing_behind(slow_server):
    url = urlsplit(slow_server.url)
    body = json.dumps({"instances": ["x"]})
    request = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    for number in range(100):
        with socket.create_connection((url.hostname, url.port)) as connection:
            connection.sendall(request[: len(request) - number % 5])
    await asyncio.sleep(1.0)
    with slow_server.client() as client:
        assert metric(client, "vitrine_queue_items") == 0
        assert client.post(PREDICT, json={"instances": ["fine"]}).status_code == 200
