"""The beginning and the end of a process."""

import asyncio
import subprocess
import sys
import time

import httpx
import pytest

from tests.service.process import ROOT, running
from tests.service.tiny import write_tiny

pytestmark = pytest.mark.anyio

PREDICT = "/v1/models/mood:predict"


@pytest.fixture
def slow_store(tmp_path):
    write_tiny(tmp_path, "mood", labels=["good", "bad"], batch_seconds=0.05)
    return tmp_path


async def refused_within(client, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            await client.get("/")
        except httpx.TransportError:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_sigterm_under_load_loses_no_request_and_exits_with_0(slow_store):
    """Clients, with and without kept connections, go on for most of the time that the server gives them."""
    with running(slow_store, drain_delay_s=2.0, max_batch_items=4) as server:
        answers, not_ready, until = [], [], time.monotonic() + 30

        async def client_loop(client):
            while time.monotonic() < until:
                answer = await client.post(PREDICT, json={"instances": ["a", "b"]})
                answers.append((answer.status_code, time.monotonic()))

        async def probe_loop(client):
            while not not_ready:
                answer = await client.get("/v2/health/ready")
                if answer.status_code == 503:
                    not_ready.append(answer.json())
                await asyncio.sleep(0.02)

        keeping = httpx.AsyncClient(base_url=server.url, timeout=20)
        opening = httpx.AsyncClient(base_url=server.url, timeout=20, limits=httpx.Limits(max_keepalive_connections=0))
        async with keeping, opening:
            clients = [asyncio.create_task(client_loop(client)) for client in [keeping, opening] * 10]
            await asyncio.sleep(0.7)
            terminated = time.monotonic()
            server.terminate()
            until = terminated + 1.5
            await asyncio.gather(*clients, probe_loop(opening))
            assert await refused_within(opening, 5)
        assert server.exit_status() == 0
        assert {status for status, _ in answers} == {200}
        assert max(at for _, at in answers) - terminated > 1.0
        assert not_ready[0]["detail"] == "The server is shutting down."


async def test_what_was_accepted_before_the_end_is_answered(slow_store):
    with running(slow_store, drain_delay_s=0, max_batch_items=2) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
            asked = [asyncio.create_task(client.post(PREDICT, json={"instances": ["a"] * 20})) for _ in range(4)]
            await asyncio.sleep(0.3)
            server.terminate()
            assert [answer.status_code for answer in await asyncio.gather(*asked)] == [200] * 4
        assert server.exit_status() == 0


def test_a_second_signal_skips_the_delay(slow_store):
    with running(slow_store, drain_delay_s=60) as server:
        server.terminate()
        time.sleep(0.3)
        with server.client() as client:
            assert client.post(PREDICT, json={"instances": ["a"]}).status_code == 200
        assert server.process.poll() is None
        server.terminate()
        assert server.exit_status(10) == 0


def test_a_batch_that_never_ends_does_not_keep_the_process(slow_store):
    with running(slow_store, drain_timeout_s=1, stall_timeout_s=0.2) as server:
        with server.client() as client:
            asked = {"instances": ["SLOW " * 2 + "FOREVER"], "parameters": {"deadline_ms": 400}}
            assert client.post(PREDICT, json=asked).status_code == 504
            live = client.get("/v2/health/live")
            assert live.status_code == 503
            assert "busy" in live.json()["detail"]
        server.terminate()
        assert server.exit_status(10) != 0


def test_sigterm_while_models_load_ends_at_once(tmp_path):
    write_tiny(tmp_path, "mood", labels=["good", "bad"], load_seconds=30)
    with running(tmp_path, loaded=False) as server:
        with server.client() as client:
            assert client.get("/v2/health/live").status_code == 200
            assert client.get("/v2/health/ready").status_code == 503
            assert client.get("/health/startup").status_code == 503
            loading = client.post(PREDICT, json={"instances": ["a"]})
            assert loading.status_code == 503
            assert loading.json()["code"] == "model_loading"
            assert int(loading.headers["retry-after"]) > 0
        server.terminate()
        assert server.exit_status(10) == 0


def test_a_taken_port_is_said(slow_store):
    with running(slow_store) as server:
        port = server.url.rpartition(":")[2]
        command = [sys.executable, "-m", "app.cli", "serve", "--store", str(slow_store), "--port", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        assert "address already in use" in done.stdout + done.stderr


def test_a_lost_device_ends_the_process_with_an_error(slow_store):
    with running(slow_store) as server:
        with server.client() as client:
            lost = client.post(PREDICT, json={"instances": ["LOSE_DEVICE"]})
            assert lost.status_code == 503
            assert lost.json()["code"] == "device_lost"
        assert server.exit_status() == 70


def test_an_empty_store_is_ready_and_one_of_broken_archives_is_not(tmp_path):
    with running(tmp_path) as server, server.client() as client:
        assert client.get("/v2/health/ready").status_code == 200
        missing = client.post(PREDICT, json={"instances": ["a"]})
        assert missing.status_code == 404
        assert "no models" in missing.json()["detail"]
    write_tiny(tmp_path, "broken", nothing=True)
    with running(tmp_path) as server, server.client() as client:
        assert client.get("/v2/health/live").status_code == 200
        assert client.get("/health/startup").status_code == 200
        assert client.get("/v2/health/ready").status_code == 503


def test_a_model_that_breaks_on_its_own_example_is_failed(tmp_path):
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    write_tiny(tmp_path, "odd", labels=["good", "bad"], example="BREAK_ENCODE")
    with running(tmp_path) as server, server.client() as client:
        states = {model["name"]: model["state"] for model in client.get("/v1/models").json()["models"]}
        assert states == {"mood": "READY", "odd": "FAILED"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--store", "/nowhere/at/all"], "store"),
        (["--max-batch-tokens", "10"], "max_instance_tokens"),
        (["--device", "cuda:99"], "cuda:99"),
        (["--device", "tpu"], "device"),
        (["--max-queue-items", "5"], "max_queue_items"),
    ],
)
def test_bad_settings_are_refused_with_what_to_change(slow_store, options, said):
    command = [sys.executable, "-m", "app.cli", "serve", "--store", str(slow_store), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
