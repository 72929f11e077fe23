import asyncio
import gc
import weakref

import pytest

from app.errors import ClientGone, DeadlineExceeded
from app.patience import DEPARTURE, Patience

pytestmark = pytest.mark.anyio


class Client:
    """The receiving end of a request whose body is read."""

    def __init__(self):
        self.gone = asyncio.Event()

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}


async def test_work_in_time_is_left_alone():
    async with Patience(1000) as patience:
        patience.watch({}, Client().receive)
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.01)


def now():
    return asyncio.get_running_loop().time()


async def wait_inside(patience, receive=None, *, then_allow=None):
    """Work that takes for ever."""
    async with patience:
        if receive:
            patience.watch({}, receive)
        await asyncio.sleep(0.04)
        if then_allow:
            patience.allow(then_allow)
        await asyncio.sleep(5)


async def test_the_deadline_says_what_was_allowed():
    with pytest.raises(DeadlineExceeded, match="20 ms"):
        await wait_inside(Patience(20))


async def test_a_deadline_counts_from_the_start_even_when_it_is_told_later():
    started = now()
    with pytest.raises(DeadlineExceeded, match="60 ms"):
        await wait_inside(Patience(10_000), then_allow=60)
    assert now() - started < 1


async def test_a_client_that_goes_ends_the_block_at_once():
    client, started = Client(), now()
    asyncio.get_running_loop().call_later(0.02, client.gone.set)
    with pytest.raises(ClientGone):
        await wait_inside(Patience(5000), client.receive)
    assert now() - started < 1


async def test_a_connection_that_says_when_it_is_lost_is_not_asked():
    lost = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.02, lost.set_result, None)
    tasks = asyncio.all_tasks()

    async def work():
        async with Patience(5000) as patience:
            patience.watch({DEPARTURE: lost}, Client().receive)
            assert asyncio.all_tasks() == tasks
            await asyncio.sleep(5)

    with pytest.raises(ClientGone):
        await work()


async def test_a_connection_that_is_lost_after_the_block_is_none_of_its_concern():
    lost = asyncio.get_running_loop().create_future()
    async with Patience(5000) as patience:
        patience.watch({DEPARTURE: lost}, Client().receive)
    ended = weakref.ref(patience)
    del patience
    gc.collect()
    assert ended() is None  # a connection that lives long would keep every request
    lost.set_result(None)
    await asyncio.sleep(0.01)


async def test_an_error_inside_passes_and_the_watch_ends():
    async def fail():
        async with Patience(5000) as patience:
            patience.watch({}, client.receive)
            await asyncio.sleep(0)
            raise ZeroDivisionError

    client, tasks = Client(), asyncio.all_tasks()
    with pytest.raises(ZeroDivisionError):
        await fail()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks


async def test_a_client_that_goes_as_the_answer_is_ready_changes_nothing():
    client = Client()
    async with Patience(5000) as patience:
        patience.watch({}, client.receive)
        await asyncio.sleep(0)
        client.gone.set()
    await asyncio.sleep(0.01)


async def test_cancelling_from_outside_stays_a_cancellation():
    async def work():
        async with Patience(5000):
            await asyncio.sleep(5)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
