"""Those who were answered a moment ago go together again, and nobody waits long for who does not come."""

import asyncio

import pytest

from app.batch import Batch, Item, Priority, Request
from app.batching import Batcher
from app.echo import ANSWERING_S, GAP_S, SHARE, Echo
from app.selection import BatchLimits
from tests.unit.app.lane import Doubling, Lane, tokens

pytestmark = pytest.mark.anyio

END = 100.0


def answered(*sizes, seconds=1.0):
    """The echo of a batch that ends, of one instance from each of some requests of such sizes."""
    items = [Item(Request(size, 0.0), 0, None, ((1, 1),), 1) for size in sizes]
    echo = Echo()
    echo.expect(Batch(Doubling(), Priority.INTERACTIVE, items, started=END - seconds), END)
    return echo


def test_nothing_is_waited_for_before_anything_was_answered():
    assert Echo().remaining_s(END, 1) == 0


async def test_as_many_are_waited_for_as_were_answered():
    echo = answered(1, 1, 1)
    assert echo.remaining_s(END, 2) > 0
    assert echo.remaining_s(END, 3) == 0


async def test_one_caller_alone_never_waits():
    assert answered(1).remaining_s(END, 1) == 0


async def test_who_has_further_instances_under_way_is_not_expected():
    assert answered(9, 9, 9).remaining_s(END, 1) == 0


async def test_only_while_they_keep_coming():
    echo, late = answered(1, 1, 1), END + ANSWERING_S + 1.1 * GAP_S
    assert echo.remaining_s(late, 1) == 0
    echo.heard(late - GAP_S / 2)
    assert 0 < echo.remaining_s(late, 1) <= GAP_S


async def test_never_longer_than_a_share_of_what_the_batch_took():
    echo = answered(*[1] * 100, seconds=1.0)
    latest = END + ANSWERING_S
    echo.heard(latest)
    while (now := latest + GAP_S / 2) < END + SHARE:
        echo.heard(now)
        assert echo.remaining_s(now, 50) > 0
        latest = now
    assert echo.remaining_s(END + SHARE, 50) == 0


async def asked_again_and_again(priority):
    """The sizes of the batches of four callers who ask one after the other as soon as they are answered."""
    lane, work = Lane(seconds_per_batch=0.1), Doubling()
    batcher = Batcher(lane.execute, BatchLimits())

    async def caller(number):
        for _ in range(4):
            await batcher.submit(work, [number], tokens(5), priority)
            await asyncio.sleep(number * GAP_S / 4)

    await asyncio.gather(*map(caller, range(4)))
    return lane.sizes


@pytest.mark.clock
async def test_callers_stay_together():
    assert await asked_again_and_again(Priority.INTERACTIVE) == [4] * 4


@pytest.mark.clock
async def test_bulk_work_waits_for_nobody():
    assert (await asked_again_and_again(Priority.BULK))[1] == 1
