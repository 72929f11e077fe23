"""Three times as many requests as there is capacity for, and a flood on one of two models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.fault.openloop import Answer, Client, of_status, p99
from tests.fault.resident import resident
from tests.service.process import ServerProcess, running
from tests.service.tiny import write_tiny

pytestmark = [pytest.mark.anyio, pytest.mark.clock]

BATCH_SECONDS, BATCH_ITEMS, QUEUE_ITEMS, CORES = 0.05, 8, 48, 2
CAPACITY = CORES * BATCH_ITEMS / BATCH_SECONDS
QUEUE_BOUND_S = QUEUE_ITEMS / CAPACITY + 3 * BATCH_SECONDS
"""A full queue before it, the batches that run and are collated, and its own."""
SLACK_S = 0.15
"""For two cores that also make the load."""


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The device sleeps, so that its capacity is known and the load does not share it."""
    store = tmp_path_factory.mktemp("store")
    for name in ("mood", "topics"):
        write_tiny(store, name, labels=["good", "bad"], batch_seconds=BATCH_SECONDS)
    limits = {"max_batch_items": BATCH_ITEMS, "max_queue_items": QUEUE_ITEMS, "max_instances_per_request": QUEUE_ITEMS}
    with running(store, access_log=False, threads=CORES, **limits) as process:
        yield process


async def overload(server: ServerProcess, seconds: float) -> None:
    with closing(Client(server.url, "mood")) as client:
        alone = p99([await client.ask() for _ in range(20)])
        most = len(of_status(await client.closed_loop(4 * BATCH_ITEMS, 3), 200)) / 3
        settled = resident(server)
        answers = await client.open_loop(3 * CAPACITY, seconds)
        accepted, rejected = of_status(answers, 200), of_status(answers, 429)
        assert len(accepted) + len(rejected) == len(answers)
        assert len(accepted) / seconds >= 0.9 * most
        assert len(rejected) > len(accepted)
        assert all(answer.retry_after is not None and 1 <= answer.retry_after <= 10 for answer in rejected)
        assert p99(rejected) < 0.05
        assert p99(accepted) < QUEUE_BOUND_S + SLACK_S
        assert resident(server) - settled < 16 << 20
        await asyncio.sleep(1)
        assert p99([await client.ask() for _ in range(20)]) < 2 * alone


async def test_three_times_the_capacity(server: ServerProcess) -> None:
    await overload(server, 5)


@pytest.mark.long
async def test_three_times_the_capacity_for_a_minute(server: ServerProcess) -> None:
    await overload(server, 60)


async def fairness(server: ServerProcess, seconds: float) -> tuple[float, list[Answer]]:
    """p99 of one model alone, and its answers beside a flood on the other."""
    with closing(Client(server.url, "mood")) as flood, closing(Client(server.url, "topics")) as other:
        alone = await other.open_loop(8, seconds)
        flooding = asyncio.create_task(flood.open_loop(3 * CAPACITY, seconds + 1))
        await asyncio.sleep(0.5)
        beside = await other.open_loop(8, seconds)
        assert of_status(await flooding, 429)
    return p99(alone), beside


async def test_a_flood_on_one_model_leaves_the_other_its_turn(server: ServerProcess) -> None:
    alone, beside = await fairness(server, 6)
    assert {answer.status for answer in beside} == {200}
    assert p99(beside) <= 3 * alone


@pytest.mark.long
async def test_a_flood_of_half_a_minute(server: ServerProcess) -> None:
    alone, beside = await fairness(server, 30)
    assert {answer.status for answer in beside} == {200}
    assert p99(beside) <= 3 * alone
