"""The end and the beginning of a process under load: nothing accepted is lost, good archives serve beside bad ones."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.fault.archives.tars import TARS
from tests.fault.archives.weights import WEIGHT_FILES
from tests.service.process import VITRINE, ServerProcess, running
from tests.service.tiny import write_tiny
from tests.unit.models.archives import members, packed

pytestmark = pytest.mark.anyio

PREDICT = "/v1/models/mood:predict"
DRAIN_DELAY_S = 1.0
CLIENTS = 30


@dataclass
class Load:
    """Clients that ask until they are told, or can tell, that the server is going."""

    url: str
    statuses: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    going: bool = False

    async def client(self, *, keeps: bool) -> None:
        limits = httpx.Limits() if keeps else httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=self.url, timeout=20, limits=limits) as client:
            while not self.going:
                await self.ask(client)

    async def ask(self, client: httpx.AsyncClient) -> None:
        try:
            answer = await client.post(PREDICT, json={"instances": ["a", "b"]})
        except httpx.ConnectError:
            self.going = True  # was not accepted: a load balancer asks elsewhere
        except httpx.TransportError as error:
            self.lost.append(repr(error))
        else:
            self.statuses.append(answer.status_code)

    async def balancer(self) -> float:
        """Stops the clients as a load balancer does that sees ready turn 503; how long that took."""
        started = time.monotonic()
        async with httpx.AsyncClient(base_url=self.url, timeout=20) as client:
            while (await client.get("/v2/health/ready")).status_code != 503:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            seen = time.monotonic() - started
            await asyncio.sleep(DRAIN_DELAY_S / 2)
            assert (await client.post(PREDICT, json={"instances": ["still"]})).status_code == 200
        self.going = True
        return seen


async def cycle(store: Path) -> Load:
    with running(store, drain_delay_s=DRAIN_DELAY_S, max_batch_items=8) as server:
        load = Load(server.url)
        clients = [asyncio.create_task(load.client(keeps=bool(number % 2))) for number in range(CLIENTS)]
        await asyncio.sleep(0.5)
        terminated = time.monotonic()
        server.terminate()
        assert await load.balancer() < DRAIN_DELAY_S / 2
        await asyncio.gather(*clients)
        assert await asyncio.to_thread(server.exit_status) == 0
        assert time.monotonic() - terminated >= DRAIN_DELAY_S
    assert load.lost == []
    assert set(load.statuses) == {200}
    assert len(load.statuses) > 3 * CLIENTS
    return load


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_tiny(tmp_path, "mood", labels=["good", "bad"], batch_seconds=0.01)
    return tmp_path


async def test_sigterm_under_load_loses_nothing(store: Path) -> None:
    await cycle(store)


@pytest.mark.long
async def test_sigterm_under_load_loses_nothing_twenty_times(store: Path) -> None:
    answered = sum([len((await cycle(store)).statuses) for _ in range(20)])
    assert answered > 20 * 3 * CLIENTS


async def test_without_a_balancer_what_was_accepted_is_answered(store: Path) -> None:
    """Clients that do not look at ready: a connection is refused, or its request is answered."""
    with running(store, drain_delay_s=0.3, max_batch_items=8) as server:
        load = Load(server.url)
        clients = [asyncio.create_task(load.client(keeps=False)) for _ in range(CLIENTS)]
        await asyncio.sleep(0.5)
        server.terminate()
        await asyncio.gather(*clients)
        assert await asyncio.to_thread(server.exit_status) == 0
    assert load.lost == []
    assert set(load.statuses) == {200}


def test_good_archives_serve_beside_bad_ones(tmp_path: Path) -> None:
    good = packed(tmp_path / "good.tar.gz", members())
    (tmp_path / "truncated.tar.gz").write_bytes(good.read_bytes()[:-200])
    (tmp_path / "corrupt.tar.gz").write_bytes(good.read_bytes()[:300] + b"\0" * 50 + good.read_bytes()[350:])
    (tmp_path / "empty.tar.gz").write_bytes(b"")
    (tmp_path / "gone.tar.gz").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "config.json").write_text("{}")
    with (tmp_path / "endless.tar.gz").open("wb") as file:
        file.truncate(1 << 40)
    for name, hostile in (("bomb", TARS["tar bomb of 10 GiB"]), ("pickle", WEIGHT_FILES["zip, reduce"])):
        hostile.build(tmp_path / f"{name}.tar.gz")
    with running(tmp_path, command=VITRINE, loaded=False) as server, server.client() as client:
        server._wait_for("loaded", 20)
        listed = {model["name"]: model for model in client.get("/v1/models").json()["models"]}
        assert listed.pop("good")["state"] == "READY"
        assert listed.keys() == {"truncated", "corrupt", "empty", "gone", "folder", "endless", "bomb", "pickle"}
        for name, model in listed.items():
            assert model["state"] == "FAILED", name
            assert model["reason"]
            assert "not foreseen" not in model["reason"], name
            assert str(tmp_path) not in model["reason"]
            answer = client.post(f"/v1/models/{name}:predict", json={"instances": ["a"]})
            assert answer.json()["code"] == "model_failed"
        assert client.get("/v2/health/ready").status_code == 200
        assert client.post("/v1/models/good:predict", json={"instances": ["good"]}).status_code == 200


def test_a_server_that_starts_answers_before_its_archives_are_read(tmp_path: Path) -> None:
    write_tiny(tmp_path, "mood", labels=["good", "bad"], load_seconds=2)
    with running(tmp_path, loaded=False) as server:
        probes(server)


def probes(server: ServerProcess) -> None:
    with server.client() as client:
        assert client.get("/v2/health/live").status_code == 200
        assert client.get("/v2/health/ready").status_code == 503
        server.wait_loaded()
        assert client.get("/v2/health/ready").status_code == 200
