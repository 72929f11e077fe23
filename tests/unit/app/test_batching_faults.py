"""What goes wrong: culprits, memory, a lost device, cancellation, shutting down. Every future resolves."""

import asyncio
import random

import pytest

from app.batch import Priority
from app.batching import Batcher
from app.errors import BrokenClassifier, DeviceLost, OutOfMemory, Overloaded, ServiceError, ShuttingDown
from app.selection import BatchLimits
from tests.unit.app.lane import Doubling, Lane, settled, tokens

pytestmark = pytest.mark.anyio

LIMITS = BatchLimits(batch_items=16, batch_tokens=1000)


class Poison(Exception):
    pass


def poisoned_by(*numbers):
    def fault(batch):
        if bad := set(numbers) & set(batch.payloads):
            raise Poison(bad)

    return fault


@pytest.mark.parametrize("culprits", [{0}, {15}, {7, 8}, set(range(0, 16, 2)), set(range(16))])
async def test_only_the_culprits_fail(culprits):
    lane = Lane(fault=poisoned_by(*culprits))
    rows = await Batcher(lane.execute, LIMITS).submit(Doubling(), range(16), tokens(*[5] * 16))
    for number, row in enumerate(rows):
        assert isinstance(row, Poison) if number in culprits else row == 2 * number


async def test_one_culprit_costs_a_few_runs_only():
    lane = Lane(fault=poisoned_by(5))
    await Batcher(lane.execute, LIMITS).submit(Doubling(), range(16), tokens(*[5] * 16))
    assert len(lane.batches) == 9


async def test_requests_beside_a_culprit_are_answered():
    lane, work = Lane(fault=poisoned_by(3)), Doubling()
    batcher = Batcher(lane.execute, LIMITS)
    answers = await asyncio.gather(*(batcher.submit(work, [number], tokens(5)) for number in range(8)))
    assert [rows[0] for number, rows in enumerate(answers) if number != 3] == [0, 2, 4, 8, 10, 12, 14]
    assert isinstance(answers[3][0], Poison)


@pytest.mark.parametrize("change", [lambda rows: rows[:-1], lambda rows: [*rows, 0], lambda rows: []])
async def test_a_wrong_number_of_rows_is_never_handed_out(change):
    async def execute(batch):
        return change(batch.payloads)

    rows = await Batcher(execute, LIMITS).submit(Doubling(), [1, 2, 3], tokens(5, 5, 5))
    assert all(isinstance(row, BrokenClassifier) for row in rows)


async def test_a_row_may_be_an_exception_of_that_instance_alone():
    async def execute(batch):
        return [ValueError("no") if number == 2 else number for number in batch.payloads]

    rows = await Batcher(execute, LIMITS).submit(Doubling(), [1, 2, 3], tokens(5, 5, 5))
    assert rows[0] == 1
    assert isinstance(rows[1], ValueError)
    assert rows[2] == 3


async def test_out_of_memory_halves_the_batch_and_answers_all():
    def fault(batch):
        if batch.padded_tokens > 30:
            raise OutOfMemory

    lane, events = Lane(fault=fault), []
    batcher = Batcher(lane.execute, LIMITS, on_out_of_memory=lambda: events.append(1))
    assert await batcher.submit(Doubling(), range(16), tokens(*[5] * 16)) == [2 * n for n in range(16)]
    assert events
    assert batcher.token_budget < 100
    before = len(lane.batches)
    await batcher.submit(Doubling(), range(6), tokens(*[5] * 6))
    assert len(lane.batches) - before == 1


async def test_the_token_budget_recovers():
    def fault(batch):
        if not calm and batch.padded_tokens > 30:
            raise OutOfMemory

    calm = False
    batcher = Batcher(Lane(fault=fault).execute, LIMITS)
    await batcher.submit(Doubling(), range(16), tokens(*[5] * 16))
    calm, low = True, batcher.token_budget
    for _ in range(100):
        await batcher.submit(Doubling(), [1], tokens(5))
    assert low < batcher.token_budget == LIMITS.batch_tokens


async def test_an_instance_larger_than_the_shrunken_budget_still_runs():
    def fault(batch):
        if len(batch.items) > 1:
            raise OutOfMemory

    lane = Lane(fault=fault)
    assert await Batcher(lane.execute, LIMITS).submit(Doubling(), [1, 2], tokens(400, 400)) == [2, 4]


async def test_an_instance_alone_is_tried_twice_and_then_told():
    def fault(batch):
        raise OutOfMemory

    lane = Lane(fault=fault)
    rows = await Batcher(lane.execute, LIMITS).submit(Doubling(), [1], tokens(5))
    assert isinstance(rows[0], OutOfMemory)
    assert len(lane.batches) == 2


async def test_a_lost_device_fails_everything_at_once_and_is_told_once():
    lane, told = Lane(), []
    batcher = Batcher(lane.execute, LIMITS, on_device_lost=lambda: told.append(1))
    lane.gate.clear()
    requests = [
        asyncio.create_task(batcher.submit(Doubling(str(n)), range(16), tokens(*[5] * 16), priority))
        for n in range(4)
        for priority in Priority
    ]
    await settled()

    def fault(batch):
        raise DeviceLost

    lane.fault = fault
    lane.gate.set()
    for request in requests:
        assert all(isinstance(row, DeviceLost) for row in await request)
    await settled()
    assert told == [1]
    with pytest.raises(DeviceLost):
        await batcher.submit(Doubling(), [1], tokens(5))


async def test_a_deadline_fires_on_time_while_a_batch_runs_and_frees_the_queue():
    lane, loop = Lane(), asyncio.get_running_loop()
    batcher = Batcher(lane.execute, LIMITS)
    lane.gate.clear()
    running = asyncio.create_task(batcher.submit(Doubling("running"), [1], tokens(5)))
    await settled()
    started = loop.time()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await batcher.submit(Doubling("late"), range(3), tokens(5, 5, 5))
    assert loop.time() - started < 1
    assert batcher.queued_items == 0
    lane.gate.set()
    assert await running == [2]
    assert [batch.work.name for batch in lane.batches] == ["running"]


async def test_a_cancelled_request_leaves_the_batch_it_shared_unharmed():
    lane, work = Lane(), Doubling()
    batcher = Batcher(lane.execute, LIMITS)
    lane.gate.clear()
    gone, stays = (asyncio.create_task(batcher.submit(work, [number], tokens(5))) for number in (1, 2))
    await settled()
    assert lane.sizes == [2]
    gone.cancel()
    lane.gate.set()
    assert await stays == [4]
    assert gone.cancelled()


async def test_a_batch_that_nobody_waits_for_is_not_split_further():
    def fault(batch):
        gone.cancel()
        raise Poison

    lane = Lane(fault=fault)
    gone = asyncio.create_task(Batcher(lane.execute, LIMITS).submit(Doubling(), range(16), tokens(*[5] * 16)))
    await asyncio.wait([gone])
    await settled()
    assert len(lane.batches) == 1


async def test_drain_answers_what_was_admitted_and_refuses_the_rest():
    lane = Lane(seconds_per_token=0.0001)
    batcher = Batcher(lane.execute, BatchLimits(batch_items=4, batch_tokens=1000, wait_s=60))
    admitted = [asyncio.create_task(batcher.submit(Doubling(), range(10), tokens(*[5] * 10))) for _ in range(3)]
    await settled()
    draining = asyncio.create_task(batcher.drain())
    await settled()
    with pytest.raises(ShuttingDown):
        await batcher.submit(Doubling(), [1], tokens(5))
    await draining
    assert [await request for request in admitted] == [[2 * n for n in range(10)]] * 3


async def test_close_fails_what_is_left():
    lane = Lane()
    batcher = Batcher(lane.execute, LIMITS)
    lane.gate.clear()
    requests = [asyncio.create_task(batcher.submit(Doubling(), [n], tokens(5))) for n in range(5)]
    await settled()
    batcher.close()
    for request in requests:
        assert isinstance((await request)[0], ShuttingDown)


async def test_a_lane_that_is_cancelled_leaves_no_future_open():
    async def execute(batch):
        raise asyncio.CancelledError

    rows = await asyncio.wait_for(Batcher(execute, LIMITS).submit(Doubling(), [1, 2], tokens(5, 5)), 1)
    assert all(isinstance(row, BrokenClassifier) for row in rows)


async def test_only_batches_that_ran_as_they_were_are_reported():
    reports = []
    batcher = Batcher(Lane(fault=poisoned_by(3)).execute, LIMITS, on_batch=reports.append)
    await batcher.submit(Doubling(), range(8), tokens(*[5] * 8))
    assert reports == []
    await batcher.submit(Doubling(), [1, 2], tokens(5, 7))
    assert [(len(report.batch.items), report.batch.padded_tokens) for report in reports] == [(2, 14)]


async def test_a_failing_observer_harms_nobody():
    def observer(report):
        raise Poison

    loop, reported = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda loop, context: reported.append(context))
    batcher = Batcher(Lane().execute, LIMITS, on_batch=observer)
    for number in range(3):
        assert await asyncio.wait_for(batcher.submit(Doubling(), [number], tokens(5)), 1) == [2 * number]


@pytest.mark.parametrize("seed", range(5))
async def test_a_storm_of_faults_and_cancellations_leaves_nothing_behind(seed):
    """Every request ends as an answer, its own poison, a refusal or its own cancellation; then the queues are empty.

    Whoever sets no deadline, and asks again when refused, is answered in the end, however slow the machine.
    """
    rng = random.Random(seed)

    def fault(batch):
        if any(number % 17 == 0 for number in batch.payloads):
            raise Poison
        if rng.random() < 0.1:
            raise OutOfMemory

    lane = Lane(fault=fault, seconds_per_token=0.000001)
    limits = BatchLimits(batch_items=8, batch_tokens=300, queue_items=300, wait_s=rng.choice([0, 0.002]))
    batcher = Batcher(lane.execute, limits)
    works = [Doubling(), Doubling(), Doubling(one_shape=True)]

    async def client(number):
        await asyncio.sleep(rng.random() * 0.2)
        size = rng.randint(1, 12)
        numbers = [number * 100 + n for n in range(size)]
        shapes = tokens(*(rng.randint(1, 100) for _ in numbers))
        patience, work, priority = rng.choice([0.001, 0.01, None]), rng.choice(works), rng.choice(list(Priority))
        while True:
            try:
                async with asyncio.timeout(patience):
                    rows = await batcher.submit(work, numbers, shapes, priority)
                break
            except Overloaded:
                await asyncio.sleep(rng.random() * 0.02)
            except TimeoutError:
                assert patience
                return 0
        for asked, row in zip(numbers, rows, strict=True):
            if asked % 17 == 0:
                assert isinstance(row, Poison | OutOfMemory)
            else:
                assert row == 2 * asked or isinstance(row, OutOfMemory)
        return 1

    answered = await asyncio.wait_for(asyncio.gather(*(client(number) for number in range(300))), 60)
    assert sum(answered) > 50
    await batcher.drain()
    assert batcher.queued_items == 0
    with pytest.raises(ServiceError):
        await batcher.submit(works[0], [1], tokens(5))
