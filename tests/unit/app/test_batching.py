"""What goes in and comes out: order, length, turns, classes, admission."""

import asyncio
import random

import pytest

from app.batch import Priority
from app.batching import Batcher
from app.errors import InvalidInstances, Overloaded, RequestTooLarge
from app.queues import INTERACTIVE_PER_BULK
from app.selection import BatchLimits
from tests.unit.app.lane import Doubling, Lane, settled, tokens

pytestmark = pytest.mark.anyio


def limits(**changes):
    return BatchLimits(**{"batch_items": 8, "batch_tokens": 1000} | changes)


async def hold(batcher, lane, work=None):
    """Close the lane's gate behind one batch of its own, so that what follows queues up."""
    lane.gate.clear()
    held = asyncio.create_task(batcher.submit(work or Doubling(), [0], tokens(1)))
    await settled()
    return held


async def test_the_next_batch_is_on_its_way_before_the_last_is_answered():
    lane, events = Lane(), []

    async def execute(batch):
        events.append(("runs", batch.payloads))
        return await lane.execute(batch)

    async def ask(number):
        events.append(("answered", await batcher.submit(Doubling(), [number], tokens(1))))

    batcher = Batcher(execute, limits())
    lane.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        for number in (1, 2):
            tasks.create_task(ask(number))
            await settled()
        lane.gate.set()
    assert events == [("runs", [1]), ("runs", [2]), ("answered", [2]), ("answered", [4])]


async def test_answers_come_in_the_order_of_the_request():
    batcher = Batcher(Lane().execute, limits(batch_items=4))
    numbers = list(range(50))
    lengths = [random.Random(7).randint(1, 90) for _ in numbers]
    assert await batcher.submit(Doubling(), numbers, tokens(*lengths)) == [2 * number for number in numbers]


async def test_an_empty_request_is_answered():
    assert await Batcher(Lane().execute).submit(Doubling(), [], []) == []


async def test_requests_of_one_turn_of_the_loop_share_a_batch():
    lane, work = Lane(), Doubling()
    batcher = Batcher(lane.execute, limits())
    answers = await asyncio.gather(*(batcher.submit(work, [number], tokens(5)) for number in range(5)))
    assert answers == [[0], [2], [4], [6], [8]]
    assert lane.sizes == [5]


async def test_a_free_lane_takes_a_single_instance_at_once():
    lane = Lane()
    batcher = Batcher(lane.execute, limits())
    started = asyncio.get_running_loop().time()
    await batcher.submit(Doubling(), [1], tokens(5))
    assert asyncio.get_running_loop().time() - started < 0.5


@pytest.mark.clock
async def test_a_part_full_batch_waits_for_company_only_as_long_as_it_was_told_to():
    lane, work = Lane(), Doubling()
    batcher = Batcher(lane.execute, limits(wait_s=0.4))
    first = asyncio.create_task(batcher.submit(work, [1], tokens(5)))
    await asyncio.sleep(0.02)
    assert lane.batches == []
    await asyncio.gather(first, batcher.submit(work, [2], tokens(5)))
    assert lane.sizes == [2]


async def test_a_full_batch_does_not_wait_for_company():
    batcher = Batcher(Lane().execute, limits(wait_s=60))
    await asyncio.wait_for(batcher.submit(Doubling(), range(8), tokens(*[5] * 8)), 1)


async def test_the_next_full_batch_is_handed_over_while_one_runs_and_a_part_full_one_grows():
    handed = []

    async def execute(batch):
        handed.append(len(batch.items))
        await release.wait()
        return batch.payloads

    release, work = asyncio.Event(), Doubling()
    batcher = Batcher(execute, limits(batch_items=4))
    asked = [asyncio.create_task(batcher.submit(work, range(4), tokens(*[5] * 4)))]
    await settled()
    asked.append(asyncio.create_task(batcher.submit(work, range(3), tokens(*[5] * 3))))
    await settled()
    assert handed == [4]
    asked.append(asyncio.create_task(batcher.submit(work, range(6), tokens(*[5] * 6))))
    await settled()
    assert handed == [4, 4]
    release.set()
    await asyncio.gather(*asked)
    assert handed == [4, 4, 4, 1]


async def test_a_work_may_want_smaller_batches_than_the_limits_allow():
    lane = Lane()
    batcher = Batcher(lane.execute, limits(batch_items=8, batch_tokens=100))
    await batcher.submit(Doubling(most_tokens=20), range(6), tokens(10, 10, 10, 10, 50, 10))
    assert lane.sizes == [2, 2, 1, 1]


async def test_batches_keep_to_both_limits():
    lane = Lane()
    batcher = Batcher(lane.execute, limits(batch_items=8, batch_tokens=100))
    lengths = [random.Random(3).randint(1, 100) for _ in range(200)]
    await batcher.submit(Doubling(), range(200), tokens(*lengths))
    assert max(lane.sizes) <= 8
    assert max(batch.padded_tokens for batch in lane.batches) <= 100
    assert sum(lane.sizes) == 200


async def test_padding_stays_below_what_another_batch_would_cost():
    """The lane takes 2 ms a batch and 0.1 ms a token: a batch costs as much as 20 tokens, more or less."""
    lane, work = Lane(seconds_per_batch=0.002, seconds_per_token=0.0001), Doubling()
    batcher = Batcher(lane.execute, limits(batch_items=16, batch_tokens=4000))
    lengths = [random.Random(3).randint(5, 60) for _ in range(300)]
    await batcher.submit(work, range(60), tokens(*lengths[:60]))
    learnt = len(lane.batches)
    await batcher.submit(work, range(240), tokens(*lengths[60:]))
    padding = [batch.padded_tokens - batch.real_tokens for batch in lane.batches[learnt:]]
    assert max(padding) < 60
    assert len(padding) < 60


async def test_where_tokens_cost_nothing_lengths_mix_freely():
    lane, work = Lane(seconds_per_batch=0.003), Doubling()
    batcher = Batcher(lane.execute, limits(batch_items=16, batch_tokens=4000))
    lengths = [random.Random(3).randint(5, 60) for _ in range(320)]
    await batcher.submit(work, range(320), tokens(*lengths))
    assert sum(len(batch.items) == 16 for batch in lane.batches) > 15


async def test_the_oldest_instance_leads_the_batch_however_odd_its_length():
    lane, work = Lane(), Doubling()
    batcher = Batcher(lane.execute, limits(batch_items=4, batch_tokens=200))
    held = await hold(batcher, lane, work)
    long = asyncio.create_task(batcher.submit(work, [1], tokens(200)))
    await settled()
    short = asyncio.create_task(batcher.submit(work, range(40), tokens(*[3] * 40)))
    await settled()
    lane.gate.set()
    await asyncio.gather(held, long, short)
    assert [item.tokens for item in lane.batches[1].items] == [200]


@pytest.mark.parametrize(
    ("shapes", "joins"),
    [
        ([((6, 5),), ((2, 15),), ((5, 5),)], ((5, 5),)),
        ([((4, 9), (4, 2)), ((4, 2), (4, 9)), ((4, 8), (4, 4))], ((4, 8), (4, 4))),
        ([((1, 30),), ((1, 50),), ((1, 21),)], ((1, 21),)),
    ],
    ids=["lists", "pairs", "single texts"],
)
async def test_what_needs_the_least_padding_joins(shapes, joins):
    lane, work = Lane(), Doubling()
    batcher = Batcher(lane.execute, limits(batch_items=2))
    held = await hold(batcher, lane, work)
    asked = [asyncio.create_task(batcher.submit(work, [number], [shape])) for number, shape in enumerate(shapes)]
    await settled()
    lane.gate.set()
    await asyncio.gather(held, *asked)
    assert [item.shape for batch in lane.batches for item in batch.items][-3:-1] == [shapes[0], joins]


async def test_a_batch_holds_one_work_and_works_take_turns():
    lane, one, other = Lane(), Doubling("one"), Doubling("other")
    batcher = Batcher(lane.execute, limits(batch_items=4))
    held = await hold(batcher, lane)
    asked = [asyncio.create_task(batcher.submit(work, range(12), tokens(*[5] * 12))) for work in (one, other)]
    await settled()
    lane.gate.set()
    await asyncio.gather(held, *asked)
    assert [batch.work.name for batch in lane.batches[1:]] == ["one", "other"] * 3


async def test_a_rare_work_does_not_starve_beside_a_busy_one():
    lane, busy, rare = Lane(), Doubling("busy"), Doubling("rare")
    batcher = Batcher(lane.execute, limits(batch_items=4))
    held = await hold(batcher, lane)
    flood = asyncio.create_task(batcher.submit(busy, range(400), tokens(*[5] * 400)))
    await settled()
    single = asyncio.create_task(batcher.submit(rare, [1], tokens(5)))
    await settled()
    lane.gate.set()
    await asyncio.gather(held, flood, single)
    assert "rare" in [batch.work.name for batch in lane.batches[:5]]


async def test_work_that_padding_would_change_is_batched_by_shape():
    lane, work = Lane(), Doubling(one_shape=True)
    batcher = Batcher(lane.execute, limits())
    await batcher.submit(work, range(9), tokens(3, 4, 5, 3, 4, 5, 3, 4, 5))
    assert [{item.shape for item in batch.items} for batch in lane.batches] == [{((1, n),)} for n in (3, 4, 5)]


async def test_where_padding_costs_nothing_instances_go_as_they_came():
    lane, work = Lane(), Doubling(packed=True)
    batcher = Batcher(lane.execute, limits(batch_items=4, batch_tokens=100))
    held = await hold(batcher, lane)
    answers = asyncio.create_task(batcher.submit(work, range(6), tokens(5, 60, 4, 3, 80, 15)))
    await settled()
    lane.gate.set()
    assert await answers == [0, 2, 4, 6, 8, 10]
    await held
    assert [batch.payloads for batch in lane.batches[1:]] == [[0, 1, 2, 3], [4, 5]]
    assert [batch.padded_tokens for batch in lane.batches[1:]] == [72, 95]


async def test_where_padding_costs_nothing_it_has_an_end_too():
    lane, work = Lane(), Doubling(packed=True)
    batcher = Batcher(lane.execute, limits(batch_items=64, batch_tokens=100))
    held = await hold(batcher, lane)
    answers = asyncio.create_task(batcher.submit(work, range(12), tokens(*[1] * 11, 80)))
    await settled()
    lane.gate.set()
    assert await answers == [2 * number for number in range(12)]
    await held
    assert [len(batch.items) for batch in lane.batches[1:]] == [11, 1]


async def test_interactive_work_runs_between_two_slices_of_bulk_work():
    lane = Lane()
    batcher = Batcher(lane.execute, limits(batch_items=4))
    lane.gate.clear()
    bulk = asyncio.create_task(batcher.submit(Doubling("bulk"), range(40), tokens(*[5] * 40), Priority.BULK))
    await settled()
    quick = asyncio.create_task(batcher.submit(Doubling("quick"), [1], tokens(5)))
    await settled()
    lane.gate.set()
    await asyncio.gather(bulk, quick)
    assert [batch.work.name for batch in lane.batches[:3]] == ["bulk", "quick", "bulk"]


async def asked_turn_by_turn(priority, count, **kinds):
    """Requests of one each, the next one as soon as the event loop comes round: the sizes of the batches."""
    lane = Lane()
    batcher, work, asking = Batcher(lane.execute, limits(**kinds)), Doubling(), []
    lane.gate.clear()
    for number in range(count):
        asking.append(asyncio.create_task(batcher.submit(work, [number], tokens(5), priority)))
        await asyncio.sleep(0)
    await settled()
    lane.gate.set()
    assert await asyncio.gather(*asking) == [[2 * number] for number in range(count)]
    return [len(batch.items) for batch in lane.batches]


async def test_bulk_work_waits_while_each_turn_of_the_loop_brings_more():
    assert await asked_turn_by_turn(Priority.BULK, 6) == [6]
    assert (await asked_turn_by_turn(Priority.INTERACTIVE, 6))[0] < 6
    assert (await asked_turn_by_turn(Priority.BULK, 6, batch_items=2))[0] == 2


async def test_bulk_work_that_waits_for_more_is_drained():
    lane = Lane()
    batcher = Batcher(lane.execute, limits())
    asked = asyncio.create_task(batcher.submit(Doubling(), [1], tokens(5), Priority.BULK))
    await asyncio.sleep(0)
    await batcher.drain()
    assert await asked == [2]


async def test_bulk_work_keeps_a_share_of_a_busy_lane():
    lane = Lane()
    batcher = Batcher(lane.execute, limits(batch_items=4))
    held = await hold(batcher, lane)
    bulk = asyncio.create_task(batcher.submit(Doubling("bulk"), range(8), tokens(*[5] * 8), Priority.BULK))
    quick = asyncio.create_task(batcher.submit(Doubling("quick"), range(400), tokens(*[5] * 400)))
    await settled()
    lane.gate.set()
    await asyncio.gather(held, bulk, quick)
    places = [place for place, batch in enumerate(lane.batches) if batch.work.name == "bulk"]
    assert len(places) == 2
    assert places[0] <= INTERACTIVE_PER_BULK + 2
    assert places[1] <= 2 * INTERACTIVE_PER_BULK + 4


async def test_admission_is_all_or_nothing():
    lane = Lane()
    batcher = Batcher(lane.execute, limits(queue_items=10))
    held = await hold(batcher, lane)
    waiting = asyncio.create_task(batcher.submit(Doubling(), range(7), tokens(*[5] * 7)))
    await settled()
    with pytest.raises(Overloaded):
        await batcher.submit(Doubling(), range(4), tokens(*[5] * 4))
    assert batcher.queued_items == 7
    fits = asyncio.create_task(batcher.submit(Doubling(), range(3), tokens(*[5] * 3)))
    await settled()
    assert batcher.queued_items == 10
    lane.gate.set()
    await asyncio.gather(held, waiting, fits)
    assert batcher.queued_items == 0


async def test_a_model_that_fills_its_queue_leaves_others_theirs():
    lane = Lane()
    batcher = Batcher(lane.execute, limits(queue_items=7))
    held = await hold(batcher, lane)
    flood = asyncio.create_task(batcher.submit(Doubling("flooded"), range(7), tokens(*[5] * 7)))
    await settled()
    with pytest.raises(Overloaded):
        await batcher.submit(Doubling("flooded"), [1], tokens(5))
    other = asyncio.create_task(batcher.submit(Doubling("other"), range(7), tokens(*[5] * 7)))
    await settled()
    assert batcher.queued_items == 14
    lane.gate.set()
    await asyncio.gather(held, flood, other)


async def test_admission_counts_tokens_too():
    lane = Lane()
    batcher = Batcher(lane.execute, limits(queue_tokens=1500))
    held = await hold(batcher, lane)
    waiting = asyncio.create_task(batcher.submit(Doubling(), [1], tokens(900)))
    await settled()
    with pytest.raises(Overloaded):
        await batcher.submit(Doubling(), [2], tokens(601))
    assert batcher.queued_tokens == 900
    lane.gate.set()
    await asyncio.gather(held, waiting)


async def test_retry_after_is_what_the_measured_rate_needs_for_the_queue():
    lane = Lane(seconds_per_token=0.001)
    batcher = Batcher(lane.execute, limits(queue_items=10, queue_tokens=10_000))
    await batcher.submit(Doubling(), [1], tokens(100))
    held = await hold(batcher, lane)
    waiting = asyncio.create_task(batcher.submit(Doubling(), range(5), tokens(*[1000] * 5)))
    await settled()
    with pytest.raises(Overloaded) as refused:
        await batcher.submit(Doubling(), range(7), tokens(*[1] * 7))
    assert 3 <= refused.value.retry_after <= 7
    held.cancel()
    waiting.cancel()
    lane.gate.set()


async def test_what_can_never_be_admitted_is_not_told_to_come_back():
    batcher = Batcher(Lane().execute, limits(queue_items=10, queue_tokens=1500))
    with pytest.raises(InvalidInstances) as refused:
        await batcher.submit(Doubling(), range(3), tokens(5, 1001, 2000))
    assert [refusal.index for refusal in refused.value.refusals] == [1, 2]
    with pytest.raises(RequestTooLarge):
        await batcher.submit(Doubling(), range(11), tokens(*[1] * 11))
    with pytest.raises(RequestTooLarge):
        await batcher.submit(Doubling(), range(2), tokens(900, 900))
    assert batcher.queued_items == 0


async def test_an_instance_as_large_as_a_batch_runs():
    lane = Lane()
    assert await Batcher(lane.execute, limits()).submit(Doubling(), [3, 4], tokens(1000, 1000)) == [6, 8]
    assert lane.sizes == [1, 1]
