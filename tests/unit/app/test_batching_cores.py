"""Lanes of several cores: what runs side by side, what one after the other, and how much of what waits a core takes."""

import asyncio
from dataclasses import dataclass, field

import pytest

from app.batch import Batch, Item, Priority, Request, divided, volume
from app.batching import Batcher
from app.selection import BatchLimits
from app.spreading import Spread, Spreading
from tests.unit.app.lane import Doubling, settled, tokens

pytestmark = pytest.mark.anyio

LIMITS = BatchLimits(batch_items=8, batch_tokens=1000)
SIDE_BY_SIDE = Spreading(batches={1: Spread(parts=2)})


@dataclass
class Cores:
    """Runs all that it is given at once; each batch ends when it is told to."""

    running: dict[Batch, asyncio.Event] = field(default_factory=dict)
    seen: list[Batch] = field(default_factory=list)

    async def execute(self, batch):
        self.seen.append(batch)
        self.running[batch] = asyncio.Event()
        await self.running[batch].wait()
        return [2 * number for number in batch.payloads]

    async def end(self, *batches):
        for batch in batches:
            self.running.pop(batch).set()
        await settled()

    async def end_all(self):
        while self.running:
            await self.end(*self.running)


class Asking:
    """Requests that are under way."""

    def __init__(self, cores=2):
        self.lane = Cores()
        self.taken = 0
        self.batcher = Batcher(self.lane.execute, LIMITS, cores, lambda: self.taken)
        self.tasks = []

    async def ask(self, work, *lengths, priority=Priority.INTERACTIVE):
        """The batches that this starts."""
        before = len(self.lane.seen)
        asking = self.batcher.submit(work, range(len(lengths)), tokens(*lengths), priority)
        self.tasks.append((asyncio.create_task(asking), len(lengths)))
        await settled()
        return self.lane.seen[before:]

    async def end(self):
        await self.lane.end_all()
        for task, count in self.tasks:
            assert await task == [2 * number for number in range(count)]


@pytest.fixture
async def asking():
    asking = Asking()
    yield asking
    await asking.end()


def sizes(batches):
    return [len(batch.items) for batch in batches]


def work(spreading=SIDE_BY_SIDE, *, packed=False):
    return Doubling(spreading=spreading, packed=packed)


async def test_what_finds_every_core_free_is_divided_among_them_by_length(asking):
    one, other = await asking.ask(work(), 9, 1, 8, 2)
    assert sorted(item.tokens for item in one.items) == [1, 2, 8]
    assert [item.tokens for item in other.items] == [9]


async def test_one_core_takes_what_comes_while_the_other_works(asking):
    assert sizes(await asking.ask(work(), 5)) == [1]
    assert sizes(await asking.ask(work(), *[5] * 3)) == [3]
    assert await asking.ask(work(), *[5] * 3) == []


async def test_a_core_takes_no_more_than_its_share_of_a_whole_batch(asking):
    same = work()
    first = await asking.ask(same, 5)
    assert sizes(await asking.ask(same, *[5] * 7)) == [4]
    await asking.lane.end(*first)
    assert sizes(asking.lane.seen) == [1, 4, 3]


async def test_bulk_work_that_finds_every_core_free_takes_a_whole_batch_for_each(asking):
    assert sizes(await asking.ask(work(), *[5] * 20, priority=Priority.BULK)) == [8, 8]


async def test_no_part_of_bulk_work_is_more_than_a_batch(asking):
    short_and_long = [1] * 12 + [6] * 4  # half of its tokens are thirteen of them
    assert sizes(await asking.ask(work(), *short_and_long, priority=Priority.BULK)) == [8, 3]


async def test_what_is_long_pads_only_its_own_batch(asking):
    """All together would be padded to 7,200 tokens, and a batch may hold 4,000."""
    ran = await asking.ask(work(packed=True), 40, 900, *[150] * 5, 50, priority=Priority.BULK)
    assert [sorted(item.tokens for item in batch.items) for batch in ran] == [[40, 50, *[150] * 5], [900]]


async def test_what_pads_a_batch_too_much_waits(asking):
    ran = await asking.ask(work(packed=True), 990, 600, *[1] * 6, priority=Priority.BULK)
    assert [[item.tokens for item in batch.items] for batch in ran] == [[1] * 6, [990]]


async def test_one_full_share_is_handed_over_before_a_core_is_free(asking):
    same = work()
    await asking.ask(same, 5, 5)
    assert sizes(await asking.ask(same, *[5] * 3)) == []
    assert sizes(await asking.ask(same, 5)) == [4]
    assert sizes(await asking.ask(same, *[5] * 8)) == []


async def test_batches_that_had_better_run_alone_wait_for_each_other(asking):
    alone = work(Spreading())
    first = await asking.ask(alone, *[5] * 6)
    assert sizes(first) == [6]
    assert await asking.ask(alone, 5) == []
    assert sizes(await asking.ask(alone, *[5] * 7)) == [8]
    assert await asking.ask(alone, *[5] * 8) == []


async def test_a_core_that_one_work_leaves_is_for_others(asking):
    assert sizes(await asking.ask(work(Spreading()), 5, priority=Priority.BULK)) == [1]
    assert sizes(await asking.ask(work(Spreading()), 5)) == [1]


async def test_what_may_not_run_beside_its_like_holds_nobody_up():
    asking = Asking(cores=3)
    bulk, interactive = work(Spreading()), work()
    await asking.ask(bulk, 5, priority=Priority.BULK)
    await asking.ask(bulk, 5, priority=Priority.BULK)
    for _ in range(20):
        (batch,) = await asking.ask(interactive, 5)
        await asking.lane.end(batch)
    await asking.end()


async def test_no_more_batches_of_a_work_run_than_had_better():
    asking = Asking(cores=4)
    pairs = work()
    assert sizes(await asking.ask(pairs, *[5] * 4)) == [2, 2]
    assert await asking.ask(pairs, 5) == []
    await asking.end()


async def test_one_instance_alone_gets_the_cores_that_are_free_and_no_more(asking):
    lone = work(Spreading(Spread(threads=2), {1: Spread(parts=2)}))
    (first,) = await asking.ask(lone, 5)
    assert first.spread.threads == 2
    assert await asking.ask(lone, 5) == []
    assert await asking.ask(lone, 5) == []
    await asking.lane.end(first)
    assert sizes(asking.lane.seen[1:]) == [1, 1]
    assert [batch.spread.threads for batch in asking.lane.seen[1:]] == [1, 1]
    (third,) = asking.lane.seen[2:]
    await asking.lane.end(third)
    (fourth,) = await asking.ask(lone, 5)
    assert fourth.spread.threads == 1


@pytest.mark.parametrize("slices", [0, 1])
async def test_one_instance_alone_has_as_many_threads_whatever_bulk_work_runs(asking, slices):
    lone, bulk = work(Spreading(Spread(threads=2))), work()
    await asking.ask(bulk, *[5] * slices, priority=Priority.BULK)
    (batch,) = await asking.ask(lone, 5)
    assert batch.spread.threads == 2


async def test_one_instance_alone_has_as_many_threads_whatever_the_event_loop_takes(asking):
    asking.taken = 1
    (batch,) = await asking.ask(work(Spreading(Spread(threads=2))), 5)
    assert batch.spread.threads == 2


@pytest.mark.parametrize("slices", [0, 1, 2])
@pytest.mark.parametrize(("size", "parts"), [(2, [1, 1]), (6, [3, 3])])
async def test_a_request_is_divided_alike_whatever_bulk_work_runs(asking, slices, size, parts):
    bulk = work()
    ran = await asking.ask(bulk, *[5] * slices, priority=Priority.BULK)
    await asking.ask(work(), *[5] * size)
    if size == 2 and slices == 2:  # what is not full grows until a core is free
        assert len(asking.lane.seen) == slices
        await asking.lane.end(ran[0])
    assert sizes(asking.lane.seen[slices:]) == parts
    assert await asking.ask(bulk, 5, priority=Priority.BULK) == []


async def test_a_device_of_one_core_never_divides():
    asking = Asking(cores=1)
    same = work()
    assert sizes(await asking.ask(same, *[5] * 6)) == [6]
    assert await asking.ask(same, *[5] * 6) == []
    await asking.end()


async def test_a_core_that_the_event_loop_takes_is_no_core_for_batches(asking):
    same = work()
    asking.taken = 1
    (first,) = await asking.ask(same, *[5] * 6)
    assert sizes([first]) == [6]
    await asking.lane.end(first)
    asking.taken = 0
    assert sizes(await asking.ask(same, *[5] * 6)) == [3, 3]


async def test_a_busy_loop_hands_over_early_what_is_as_much_as_runs(asking):
    """By the time it hears that the core is free others have come, and the core has waited."""
    same = work()
    asking.taken = 1
    first = await asking.ask(same, 5, 5, 5)
    assert await asking.ask(same, 5, 5) == []
    assert sizes(await asking.ask(same, 5)) == [3]
    assert await asking.ask(same, *[5] * 8) == []
    await asking.lane.end(*first)
    assert sizes(asking.lane.seen[2:]) == [8]


async def test_bulk_work_is_not_handed_over_early_whatever_the_loop_does(asking):
    bulk = work()
    asking.taken = 1
    await asking.ask(bulk, 5, priority=Priority.BULK)
    assert await asking.ask(bulk, 5, 5, priority=Priority.BULK) == []


async def test_one_core_is_always_for_batches():
    asking = Asking(cores=1)
    asking.taken = 1
    assert sizes(await asking.ask(work(), 5, 5)) == [2]
    await asking.end()


async def test_what_waits_is_answered_when_the_server_ends(asking):
    same = work()
    for _ in range(4):
        await asking.ask(same, 5, 5, 5)
    draining = asyncio.create_task(asking.batcher.drain())
    await settled()
    await asking.lane.end_all()
    await draining


@pytest.mark.parametrize("lengths", [[9, *[1] * 9], [1, 1, 1], [100, 1, 1, 1], [1] * 300])
async def test_parts_have_about_as_many_tokens_and_are_never_empty(lengths):
    request = Request(len(lengths), 0.0)
    items = [Item(request, index, None, shape, volume(shape)) for index, shape in enumerate(tokens(*lengths))]
    parts = divided(items, 3)
    assert sorted(item.index for part in parts for item in part) == list(range(len(lengths)))
    sums = [sum(item.tokens for item in part) for part in parts]
    assert all(sums)
    assert max(sums) <= sum(lengths) / 3 + max(lengths)


async def test_fewer_instances_than_parts_are_one_each():
    request = Request(2, 0.0)
    items = [Item(request, index, None, shape, volume(shape)) for index, shape in enumerate(tokens(4, 4))]
    assert [len(part) for part in divided(items, 5)] == [1, 1]
