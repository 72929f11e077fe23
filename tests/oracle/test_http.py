"""The originals' answers through HTTP: many clients, all archives at once, lengths and faults mixed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.oracle.oracles import ORACLES, Oracle
from tests.oracle.test_answers import assert_agree
from tests.service.process import VITRINE, ServerProcess, running

CLIENTS = 24
REQUESTS = 30

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    store = tmp_path_factory.mktemp("store")
    for oracle in ORACLES.values():
        (store / oracle.archive.name).symlink_to(oracle.archive.resolve())
    hub = next(iter(ORACLES.values())).hub
    with running(store, command=VITRINE, hub_dir=hub) as process:
        yield process


def test_every_archive_is_ready_and_says_what_it_is(server: ServerProcess) -> None:
    with server.client() as client:
        assert client.get("/v2/health/ready").status_code == 200
        for name, oracle in ORACLES.items():
            details = client.get(f"/v1/models/{name}").json()
            assert details["state"] == "READY", details
            assert details["labels"] == (oracle.document["labels"] or details["labels"])
            assert details["instance_schema"]["required"]


async def test_all_archives_at_once(server: ServerProcess) -> None:
    """Each request holds instances of one archive; a faulty instance refuses its request and no other."""
    counts = {200: 0, 422: 0}

    async def client(http: httpx.AsyncClient, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(REQUESTS):
            oracle = chance.choice(list(ORACLES.values()))
            cases = chance.sample(oracle.document["cases"], k=chance.choice([1, 1, 2, 5]))
            counts[await _ask(http, oracle, cases)] += 1

    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as http:
        await asyncio.gather(*(client(http, seed) for seed in range(CLIENTS)))
    assert all(counts.values()), counts


async def _ask(http: httpx.AsyncClient, oracle: Oracle, cases: list[Any]) -> int:
    wanted = [oracle.truth(case) for case in cases]
    body = {"instances": [case["input"] for case in cases], "parameters": {"logits": True}}
    response = await http.post(f"/v1/models/{oracle.name}:predict", json=body)
    if None in wanted:
        refused = {index for index, answer in enumerate(wanted) if answer is None}
        assert response.status_code == 422, response.text
        assert {error["index"] for error in response.json()["errors"]} == refused
        return 422
    assert response.status_code == 200, response.text
    for prediction, answer in zip(response.json()["predictions"], wanted, strict=True):
        assert_agree({one["label"]: (one["score"], one["logit"]) for one in prediction["scores"]}, answer)
    return 200


def test_an_ignored_input_is_warned_of(server: ServerProcess) -> None:
    name = next(name for name in ORACLES if name.startswith("allennlp"))
    instance = {"sentence": "when do you open on Sunday morning", "foo": 1}
    with server.client() as client:
        answer = client.post(f"/v1/models/{name}:predict", json={"instances": [instance]}).json()
    assert "foo" in answer["predictions"][0]["warnings"][0]


def test_a_bad_archive_does_not_stop_the_good_ones(tmp_path: Path) -> None:
    oracle = next(iter(ORACLES.values()))
    (tmp_path / "good.tar.gz").symlink_to(oracle.archive.resolve())
    (tmp_path / "torn.tar.gz").write_bytes(oracle.archive.read_bytes()[:2000])
    with running(tmp_path, command=VITRINE, hub_dir=oracle.hub) as server, server.client() as client:
        assert client.get("/v2/health/ready").status_code == 200
        assert client.get("/v1/models/good").json()["ready"]
        torn = client.get("/v1/models/torn").json()
        assert torn["state"] == "FAILED"
        assert "tar.gz" in torn["reason"]
        assert client.post("/v1/models/torn:predict", json={"instances": ["x"]}).status_code == 503
