"""Explanations through HTTP, on the originals' archives: what they warn of, and that predictions do not notice them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.oracle.oracles import CARRIED
from tests.service.process import VITRINE, ServerProcess, running

TEXTS = ["Flight cancelled, a full refund is due!", "good", "The new café — 日本 — opens at 9:30 in the old town " * 4]
PAIRS = [{"record1": one, "record2": other} for one, other in zip(TEXTS, reversed(TEXTS), strict=True)]
NAMES = [{"first_name": "Hans", "last_name": "Meier", "city": city} for city in ("Berlin", "Rom", "Bad Homburg")]
RECORDS = [{"record1": one, "record2": NAMES[0]} for one in NAMES]
MODELS = {
    "biome_biome_bimpm_single": (PAIRS, ("integrated_gradients", "occlusion", "allennlp")),
    "biome_v33_pair_fwd_bwd": (RECORDS, ("integrated_gradients", "biome", "smoothgrad")),
    "biome_sequence_classifier_single": (TEXTS, ("integrated_gradients", "allennlp", "saliency")),
    "allennlp210_ptm_bert": (TEXTS, ("integrated_gradients", "input_x_gradient", "occlusion")),
    "biome_reader_bert": (TEXTS, ("integrated_gradients", "allennlp_simple")),
}
"""Matched pairs, recurrent texts and word pieces, with instances and methods that take different ways inside."""
THREE_LABELS = "biome_v10_pair_fwd_3labels"
PRODUCTS = {"record1": {"title": "Vega Running Shoes blue"}, "record2": {"title": "Omega Watch Classic"}}
ROUNDS = 6


@pytest.fixture(scope="module", params=[VITRINE, ("-m", "tests.oracle.two_threads", "serve")], ids=["", "two threads"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """How many threads a prediction has decides in which order is summed. Two of them are not faster for each of these
    models, but would be for larger ones."""
    store = tmp_path_factory.mktemp("store")
    for name in (*MODELS, THREE_LABELS):
        (store / f"{name}.tar.gz").symlink_to(CARRIED / f"{name}.tar.gz")
    with running(store, command=request.param, hub_dir=CARRIED / "hub") as process:
        yield process


async def post(http: httpx.AsyncClient, verb: str, name: str, instances: list[Any], **parameters: Any) -> Any:
    body = {"instances": instances, "parameters": parameters}
    response = await http.post(f"/v1/models/{name}:{verb}", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_what_a_method_cannot_tell_is_said(server: ServerProcess) -> None:
    async def warnings(name: str, instance: Any, method: str) -> list[str]:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            answer = await post(http, "explain", name, [instance], method=method)
            return answer["explanations"][0]["warnings"]

    (warning,) = asyncio.run(warnings(THREE_LABELS, PRODUCTS, "biome"))
    assert "duplicate and not_duplicate" in warning
    assert asyncio.run(warnings(THREE_LABELS, PRODUCTS, "integrated_gradients")) == []
    assert asyncio.run(warnings("biome_v33_pair_fwd_bwd", RECORDS[1], "biome")) == []


def test_predictions_under_explanations_are_the_same_to_the_bit(server: ServerProcess) -> None:
    async def predict(http: httpx.AsyncClient) -> dict[str, Any]:
        return {
            name: [await post(http, "predict", name, [instance], logits=True) for instance in instances]
            for name, (instances, _) in MODELS.items()
        }

    async def explain(http: httpx.AsyncClient, name: str, method: str, done: asyncio.Event) -> int:
        count = 0
        while not done.is_set():
            await post(http, "explain", name, MODELS[name][0], method=method)
            count += 1
        return count

    async def both() -> tuple[dict[str, Any], list[dict[str, Any]], list[int]]:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
            alone, done = await predict(http), asyncio.Event()
            async with asyncio.TaskGroup() as group:
                pairs = [(name, method) for name, (_, methods) in MODELS.items() for method in methods]
                load = [group.create_task(explain(http, *pair, done)) for pair in pairs]
                during = [await predict(http) for _ in range(ROUNDS)]
                done.set()
            return alone, during, [task.result() for task in load]

    alone, during, explained = asyncio.run(both())
    for answers in during:
        for name, own in alone.items():
            assert answers[name] == own
    assert all(explained)
