"""A server whose lane has processes of its own, as `vitrine serve` starts it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.fault.metrics import sample
from tests.service.gone import has_gone
from tests.service.process import ServerProcess, running
from tests.service.tiny import write_tiny

PREDICT, EXPLAIN = "/v1/models/mood:predict", "/v1/models/mood:explain"
TEXTS = ["a good day", "so bad", "neither here nor there", "one"]
EXIT_SECONDS = 10


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def processes_of_the_lane(server: ServerProcess) -> list[int]:
    """The first, and those that are forks of it."""
    (first,) = children(server.process.pid)
    return [first, *children(first)]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    return tmp_path


@pytest.fixture
def server(store: Path) -> Iterator[ServerProcess]:
    with running(store, threads=2) as process:
        yield process


def answers(client: httpx.Client) -> list[object]:
    """To one text at a time: how several are divided among the cores is measured, and changes their padding."""
    found = []
    for text in TEXTS:
        predicted = client.post(PREDICT, json={"instances": [text], "parameters": {"logits": True}})
        explained = client.post(EXPLAIN, json={"instances": [text]})
        assert (predicted.status_code, explained.status_code) == (200, 200), (predicted.text, explained.text)
        found += [predicted.json(), explained.json()]
    return found


def test_answers_are_those_of_one_process(server: ServerProcess, store: Path) -> None:
    with running(store, threads=2, device_process=False) as alone, server.client() as one, alone.client() as other:
        assert len(processes_of_the_lane(server)) == 2
        assert not children(alone.process.pid)
        assert answers(one) == answers(other)
        for number in range(2):
            assert sample(one, f'vitrine_device_process_cpu_seconds_total{{process="{number}"}}') > 0
        assert "vitrine_device_process" not in other.get("/metrics").text


@pytest.mark.parametrize("number", [0, 1])
def test_where_one_is_killed_everybody_is_told_and_the_server_ends(server: ServerProcess, number: int) -> None:
    lane = processes_of_the_lane(server)
    with server.client() as client, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(client.post, PREDICT, json={"instances": ["SLOW"]}) for _ in range(4)]
        time.sleep(0.3)
        os.kill(lane[number], signal.SIGKILL)
        assert {one.result().json()["code"] for one in asked} == {"device_lost"}
    assert server.exit_status(EXIT_SECONDS) == 70
    assert any(line.get("event") == "device process ended" for line in server.lines)
    assert all(map(has_gone, lane))


def test_they_end_with_the_server_whatever_they_are_at(server: ServerProcess) -> None:
    lane = processes_of_the_lane(server)
    threading.Thread(target=_ignored, args=(server,), daemon=True).start()
    time.sleep(0.3)
    server.process.kill()
    assert all(map(has_gone, lane))


def _ignored(server: ServerProcess) -> None:
    with server.client() as client, suppress(httpx.HTTPError):
        client.post(PREDICT, json={"instances": ["FOREVER"]})


def test_what_is_under_way_is_answered_when_the_group_is_told_to_stop(server: ServerProcess) -> None:
    """As a terminal tells it: the server and what it started."""
    lane = processes_of_the_lane(server)
    with server.client() as client, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, PREDICT, json={"instances": ["SLOW"]})
        time.sleep(0.3)
        for pid in (*lane, server.process.pid):
            os.kill(pid, signal.SIGINT)
        assert asked.result().status_code == 200
    assert server.exit_status(EXIT_SECONDS) == 0
    assert all(map(has_gone, lane))
