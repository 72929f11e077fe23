"""A device without room, and one that is gone: real processes."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.fault.faulty import HONEST, MEMORY, write_archive
from tests.fault.metrics import sample
from tests.service.process import ServerProcess, running
from tests.service.tiny import write_tiny

pytestmark = pytest.mark.anyio

FAULTY = ("-m", "tests.fault.serve_faulty")
PREDICT = "/v1/models/mood:predict"
EXIT_SECONDS = 5


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[ServerProcess]:
    write_archive(tmp_path / "mood.tar.gz")
    with running(tmp_path, command=FAULTY, max_batch_items=32) as server:
        yield server


async def test_out_of_memory_halves_the_batch_and_nobody_notices(faulty: ServerProcess) -> None:
    texts = [f"{word} {MEMORY if number % 8 == 3 else word}" for number, word in enumerate(HONEST)]
    async with httpx.AsyncClient(base_url=faulty.url, timeout=20) as client:
        alone = [(await client.post(PREDICT, json={"instances": [text]})).json()["predictions"] for text in texts]
        together = await client.post(PREDICT, json={"instances": texts})
        many = await asyncio.gather(*(client.post(PREDICT, json={"instances": [text]}) for text in texts))
    assert together.status_code == 200, together.text
    for text, expected, one, answer in zip(texts, alone, together.json()["predictions"], many, strict=True):
        assert answer.status_code == 200, (text, answer.text)
        assert scores([one]) == pytest.approx(scores(expected), abs=1e-5)
        assert scores(answer.json()["predictions"]) == pytest.approx(scores(expected), abs=1e-5)
    with faulty.client() as probe:
        assert sample(probe, "vitrine_out_of_memory_events_total") >= 1
        low = sample(probe, "vitrine_batch_token_budget")
        assert low < 16_384
        for _ in range(20):
            probe.post(PREDICT, json={"instances": [HONEST[0]]})
        assert sample(probe, "vitrine_batch_token_budget") > low
        assert probe.get("/v2/health/ready").status_code == 200


def scores(predictions: list[dict]) -> list[float]:
    return [one["score"] for one in predictions[0]["scores"]]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[ServerProcess]:
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    with running(tmp_path) as server:
        yield server


def test_a_lost_device_is_told_at_once_and_the_process_ends(tiny: ServerProcess) -> None:
    """Over a connection that is open already: new ones are not accepted any more."""
    with tiny.client() as client, tiny.client() as probe:
        assert probe.get("/v2/health/live").status_code == 200
        started = time.monotonic()
        assert client.post(PREDICT, json={"instances": ["LOSE_DEVICE"]}).json()["code"] == "device_lost"
        assert probe.get("/v2/health/live").status_code == 503
    assert tiny.exit_status(EXIT_SECONDS) == 70
    assert time.monotonic() - started < EXIT_SECONDS


def test_a_lost_device_turns_ready_too(tiny: ServerProcess) -> None:
    with tiny.client() as client, tiny.client() as probe:
        assert probe.get("/v2/health/ready").status_code == 200
        client.post(PREDICT, json={"instances": ["LOSE_DEVICE"]})
        assert probe.get("/v2/health/ready").status_code == 503
    assert tiny.exit_status(EXIT_SECONDS) == 70


def test_clients_that_hold_on_do_not_keep_a_process_without_a_device(tiny: ServerProcess) -> None:
    url = urlsplit(tiny.url)
    half = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode() + b'{"instances": ['
    with socket.create_connection((url.hostname, url.port)) as slow:
        slow.sendall(half)
        time.sleep(0.2)
        started = time.monotonic()
        with tiny.client() as client:
            client.post(PREDICT, json={"instances": ["LOSE_DEVICE"]})
        assert tiny.exit_status(EXIT_SECONDS) == 70
        assert time.monotonic() - started < EXIT_SECONDS
