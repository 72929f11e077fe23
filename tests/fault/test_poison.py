"""One instance that breaks the forward fails alone, wherever it stands in a full batch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from app.main import create_app
from app.service import Service
from app.settings import Settings
from tests.fault.faulty import BREAK, HONEST, SHORT, load_faulty, write_archive

pytestmark = pytest.mark.anyio

BATCH = 32
TEXTS = [f"{HONEST[number]} {HONEST[number + 1]}" for number in range(BATCH)]


@asynccontextmanager
async def served(store: Path, threads: int) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    settings = Settings(store=store, max_batch_items=BATCH, threads=threads, access_log=False)
    app = create_app(settings, load=load_faulty)
    service: Service = app.state.service
    await service.start()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as client:
        yield service, client
    await service.close()


@pytest.fixture(params=[1, 2], ids=["one core", "two cores"])
async def running(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    write_archive(tmp_path / "mood.tar.gz")
    with capture_logs():
        async with served(tmp_path, request.param) as parts:
            yield parts


async def ask_together(service: Service, client: httpx.AsyncClient, verb: str, texts: list[str]) -> list[Any]:
    """One request for each text, all of them queued before the device is let go."""
    gate = threading.Event()
    held = [asyncio.create_task(service.lane.call(gate.wait, 20)) for _ in range(service.lane.cores)]
    asked = [asyncio.create_task(post(client, verb, text)) for text in [HONEST[0], *texts]]
    while admitted(service) < len(asked):  # noqa: ASYNC110 - nothing tells when the last one is
        await asyncio.sleep(0.005)
    gate.set()
    await asyncio.gather(*held)
    return (await asyncio.gather(*asked))[1:]


def admitted(service: Service) -> int:
    return service.batcher.queued_items + sum(len(batch.items) for batch in service.batcher._running)


async def post(client: httpx.AsyncClient, verb: str, text: str) -> httpx.Response:
    return await client.post(f"/v1/models/mood:{verb}", json={"instances": [text]})


def numbers(verb: str, answer: httpx.Response) -> list[float]:
    body = answer.json()
    if verb == "predict":
        return [one["score"] for one in body["predictions"][0]["scores"]]
    explanation = body["explanations"][0]
    return [explanation["score"], *(token["attribution"] for token in explanation["attributions"])]


@pytest.mark.parametrize("fault", [BREAK, SHORT])
@pytest.mark.parametrize("verb", ["predict", "explain"])
async def test_at_any_position_the_culprit_alone_fails(
    running: tuple[Service, httpx.AsyncClient], verb: str, fault: str
) -> None:
    service, client = running
    alone = [numbers(verb, await post(client, verb, text)) for text in TEXTS]
    for position in range(BATCH):
        texts = [*TEXTS[:position], f"{fault} {HONEST[1]}", *TEXTS[position + 1 :]]
        answers = await ask_together(service, client, verb, texts)
        for index, answer in enumerate(answers):
            if index == position:
                assert answer.status_code == 500, (position, answer.text)
                assert answer.json()["code"] == "internal_error"
                assert fault not in answer.text
            else:
                assert answer.status_code == 200, (position, index, answer.text)
                assert numbers(verb, answer) == pytest.approx(alone[index], abs=1e-5)
    assert service.batcher.queued_items == 0


@pytest.mark.parametrize("running", [1], indirect=True)
async def test_all_of_a_batch_were_together(running: tuple[Service, httpx.AsyncClient]) -> None:
    """What the test above rests on: its requests do share one batch."""
    service, client = running
    sizes: list[int] = []
    execute = service.batcher.execute

    async def watched(batch: Any) -> Any:
        sizes.append(len(batch.items))
        return await execute(batch)

    service.batcher.execute = watched
    await ask_together(service, client, "predict", TEXTS)
    assert BATCH in sizes
    sizes.clear()
    await ask_together(service, client, "explain", TEXTS)
    assert max(sizes) >= BATCH / 2
