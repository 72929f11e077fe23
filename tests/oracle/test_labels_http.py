"""Labels added to every archive over HTTP: the odds of the old ones stay, and so they do after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.oracle.oracles import ORACLES, Oracle
from tests.service.process import VITRINE, ServerProcess, running

ODDS = 1e-6
ROUNDING = 1e-6
"""Each server finds out by itself how many threads divide a sum; that moves three last digits of a float32."""
TAUGHT, INERT = "taught label", "inert label"
EXAMPLES = 8


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("store")
    for oracle in ORACLES.values():
        (store / oracle.archive.name).symlink_to(oracle.archive.resolve())
    return store


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[ServerProcess]:
    hub = next(iter(ORACLES.values())).hub
    with running(store, command=VITRINE, hub_dir=hub, allow_unauthenticated_admin=True) as process:
        yield process


@pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES.keys())
def test_old_odds_stay(server: ServerProcess, oracle: Oracle) -> None:
    instances = [case["input"] for case in oracle.document["cases"] if oracle.truth(case)]
    multilabel = oracle.document.get("multilabel", False)
    examples = [
        {"instance": one, "label": [TAUGHT] if multilabel else TAUGHT} for one in instances[: len(instances) // 2]
    ]
    with server.client() as client:
        before = predicted(client, oracle, instances)
        body = {"labels": [TAUGHT, INERT], "examples": examples[:EXAMPLES]}
        extended = client.post(f"/v1/models/{oracle.name}/labels", json=body)
        assert extended.status_code == 200, extended.text
        assert extended.json()["labels"] == [*before[0], TAUGHT, INERT]
        after = predicted(client, oracle, instances)
    for was, now in zip(before, after, strict=True):
        assert now[INERT] <= 0.001 + 1e-9
        old = 1.0 if multilabel else sum(now[label] for label in was)
        for label, score in was.items():
            assert now[label] / old == pytest.approx(score, abs=ODDS)


def test_a_restart_answers_the_same(server: ServerProcess, store: Path) -> None:
    hub = next(iter(ORACLES.values())).hub
    with (
        running(store, command=VITRINE, hub_dir=hub) as restarted,
        server.client() as first,
        restarted.client() as second,
    ):
        for oracle in ORACLES.values():
            instances = [case["input"] for case in oracle.document["cases"] if oracle.truth(case)][:2]
            for now, was in zip(predicted(second, oracle, instances), predicted(first, oracle, instances), strict=True):
                assert now == pytest.approx(was, abs=ROUNDING)


def predicted(client: httpx.Client, oracle: Oracle, instances: list[Any]) -> list[dict[str, float]]:
    """One instance a request, so that no neighbour rounds otherwise; scores in the order of the labels."""
    labels = client.get(f"/v1/models/{oracle.name}/labels").json()["labels"]
    found = []
    for instance in instances:
        answer = client.post(f"/v1/models/{oracle.name}:predict", json={"instances": [instance]}).raise_for_status()
        scores = {one["label"]: one["score"] for one in answer.json()["predictions"][0]["scores"]}
        found.append({label: scores[label] for label in labels})
    return found
