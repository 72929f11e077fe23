"""The lane with real threads and a real classifier, on the CPU."""

import asyncio
import threading
import time
import weakref
from dataclasses import dataclass, field

import pytest
import torch

from app.batch import Batch, Item, Priority, Request, volume
from app.cores import Cores
from app.device import DeviceLane, choose_device
from app.errors import OutOfMemory
from app.served import ServedModel
from app.spreading import ONE_THREAD, Spread, Spreading
from models.errors import InvalidInstance
from tests.service.tiny import TinyClassifier

pytestmark = pytest.mark.anyio


@pytest.fixture
def lane():
    lane = DeviceLane(torch.device("cpu"), Cores(2))
    yield lane
    lane.close()


@dataclass(frozen=True, eq=False)
class Recording:
    """Work that notes what happened when. Its runs end when they are let."""

    one_shape: bool = False
    packed: bool = False
    spreading: Spreading = field(default_factory=Spreading)
    events: list = field(default_factory=list)
    ran_on: list = field(default_factory=list)
    """Threads of torch, and the thread that asked for them."""
    may_end: threading.Event = field(default_factory=threading.Event)

    def collate(self, payloads):
        self.events.append(("collate", payloads[0]))
        return _Moved(payloads)

    def run(self, batch):
        self.events.append(("run", batch.payloads[0]))
        self.may_end.wait(5)
        self.ran_on.append((torch.get_num_threads(), threading.get_ident()))
        return batch.payloads

    def ran(self, payloads, seconds):
        self.events.append(("ran", payloads[0]))


@dataclass
class _Moved:
    payloads: list

    def to(self, device):
        return self


def batch_of(work, *payloads, spread=ONE_THREAD):
    shape = ((1, 3),)
    items = [Item(Request(1, 0.0), 0, payload, shape, volume(shape)) for payload in payloads]
    return Batch(work, Priority.INTERACTIVE, items, spread)


async def run_two(lane, work, one, other):
    """What happened before either ended."""
    tasks = [asyncio.create_task(lane.execute(batch)) for batch in (one, other)]
    await asyncio.sleep(0.2)
    happened = list(work.events)
    work.may_end.set()
    assert [await task for task in tasks] == [[1], [2]]
    return happened


async def test_what_had_better_run_alone_is_collated_while_one_runs(lane):
    work = Recording()
    happened = await run_two(lane, work, batch_of(work, 1), batch_of(work, 2))
    assert ("collate", 2) in happened
    assert ("run", 2) not in happened


async def test_other_batches_run_side_by_side(lane):
    work = Recording()
    two = (batch_of(work, number, spread=Spread(parts=2)) for number in (1, 2))
    assert {("run", 1), ("run", 2)} <= set(await run_two(lane, work, *two))


async def test_batches_of_other_works_run_beside_what_runs_alone(lane):
    work = Recording()
    other = Recording(events=work.events, may_end=work.may_end)
    assert {("run", 1), ("run", 2)} <= set(await run_two(lane, work, batch_of(work, 1), batch_of(other, 2)))


async def test_a_batch_has_the_threads_it_is_given(lane):
    work = Recording()
    work.may_end.set()
    for threads in (2, 1):
        await lane.execute(batch_of(work, 0, spread=Spread(2, threads)))
    assert [threads for threads, _ in work.ran_on] == [2, 1]


async def test_a_batch_waits_for_all_the_cores_that_it_takes_and_keeps_them(lane):
    work = Recording()
    others = [Recording(events=work.events, may_end=work.may_end) for _ in range(2)]
    tasks = [asyncio.create_task(lane.execute(batch_of(work, 1)))]
    await asyncio.sleep(0.1)
    tasks += [
        asyncio.create_task(lane.execute(batch_of(others[0], 2, spread=Spread(threads=2)))),
        asyncio.create_task(lane.execute(batch_of(others[1], 3))),
    ]
    await asyncio.sleep(0.1)
    assert ("collate", 2) in work.events
    assert [event for event in work.events if event[0] == "run"] == [("run", 1)]
    work.may_end.set()
    assert [await task for task in tasks] == [[1], [2], [3]]
    assert [event for event in work.events if event[0] == "run"] == [("run", 1), ("run", 2), ("run", 3)]


async def test_what_takes_several_threads_asks_for_them_from_one(lane):
    """Also while it is measured: each asking thread would keep threads of its own, and more than cores are slow."""
    work = Recording()
    work.may_end.set()
    several = Spread(threads=2)
    await lane.measure(work, 1, 3)
    for number in range(4):
        await lane.execute(batch_of(work, number))
        await lane.execute(batch_of(work, number, spread=several))
    assert len({thread for threads, thread in work.ran_on if threads == 2}) == 1


async def test_a_batch_knows_when_it_began_to_run(lane):
    work = Recording()
    first, second = batch_of(work, 1), batch_of(work, 2)
    before = time.monotonic()
    await run_two(lane, work, first, second)
    assert before <= first.started < before + 0.2 <= second.started


async def test_a_batch_that_nobody_waits_for_never_runs(lane):
    work = Recording()
    unwanted = batch_of(work, 2)
    unwanted.items[0].request.answer.cancel()
    assert await lane.execute(unwanted) == [None]
    assert not work.events


async def test_a_batch_that_nobody_waits_for_any_more_when_its_turn_comes_never_runs(lane):
    work = Recording()
    left = batch_of(work, 2)
    running, waiting = (asyncio.create_task(lane.execute(batch)) for batch in (batch_of(work, 1), left))
    await asyncio.sleep(0.2)
    assert ("collate", 2) in work.events
    left.items[0].request.answer.cancel()
    work.may_end.set()
    await running
    assert await waiting == [None]
    assert ("run", 2) not in work.events


async def test_the_lane_says_how_long_it_has_been_busy(lane):
    assert lane.busy_s == 0
    call = asyncio.create_task(lane.call(time.sleep, 0.2))
    await asyncio.sleep(0.1)
    assert lane.busy_s > 0.05
    await call
    assert lane.busy_s == 0


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("x"),
        MemoryError(),
        RuntimeError("can't allocate memory"),
        RuntimeError("in TorchScript\nRuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB."),
    ],
)
async def test_errors_of_memory_have_one_name(lane, error):
    def fail():
        raise error

    with pytest.raises(OutOfMemory):
        await lane.call(fail)


async def test_what_ran_out_of_memory_holds_none_of_it_when_it_is_tried_again(lane):
    held = []

    def fill_up():
        activations = torch.zeros(1000)
        held.append(weakref.ref(activations))
        raise torch.OutOfMemoryError("full")

    with pytest.raises(OutOfMemory) as caught:
        await lane.call(fill_up)
    assert caught.value is not None
    assert held[0]() is None


async def test_a_real_allocation_that_is_too_large_is_out_of_memory(lane):
    with pytest.raises(OutOfMemory):
        await lane.call(torch.empty, 1 << 50)


async def test_other_errors_stay_what_they_are(lane):
    with pytest.raises(RuntimeError, match="shape"):
        await lane.call(torch.zeros(3).view, 2)


def test_a_row_that_is_not_finite_is_refused_alone():
    classifier = TinyClassifier(["a", "b"], multilabel=False, seed=0, batch_seconds=0, example="x")
    served = ServedModel("tiny", classifier, classifier.label_set)
    features = [classifier.featurize(text) for text in ("fine", "NO_ANSWER", "what a day")]
    good, refused, other = served.run(served.collate(features))
    assert isinstance(refused, InvalidInstance)
    assert sum(good.scores) == pytest.approx(1)
    assert sum(other.scores) == pytest.approx(1)


def test_a_device_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match="Choose from: auto, cpu"):
        choose_device("cuda:99")
    assert choose_device("cpu") == torch.device("cpu")
