"""The lane with real threads and a real classifier, on the CPU."""

import asyncio
import threading
import time
import weakref
from dataclasses import dataclass, field

import pytest
import torch

from app.batch import Batch, Item, Priority, Request, volume
from app.cores import Spreading
from app.device import DeviceLane, choose_device
from app.errors import OutOfMemory
from app.served import ServedModel
from models.errors import InvalidInstance
from tests.service.tiny import TinyClassifier

pytestmark = pytest.mark.anyio


@pytest.fixture
def lane():
    lane = DeviceLane(torch.device("cpu"), 1)
    yield lane
    lane.close()


@dataclass(frozen=True, eq=False)
class Recording:
    """Work that notes what happened when, on which thread."""

    one_shape: bool = False
    packed: bool = False
    spreading: Spreading = field(default_factory=Spreading)
    events: list = field(default_factory=list)
    ran_after: threading.Event = field(default_factory=threading.Event)

    def collate(self, payloads):
        self.events.append(("collate", payloads[0], threading.current_thread().name))
        return _Moved(payloads)

    def run(self, batch):
        self.events.append(("run", batch.payloads[0], threading.current_thread().name))
        self.ran_after.wait(5)
        return batch.payloads


@dataclass
class _Moved:
    payloads: list

    def to(self, device):
        return self


def batch_of(work, *payloads):
    shape = ((1, 3),)
    items = [Item(Request(1, 0.0), 0, payload, shape, volume(shape)) for payload in payloads]
    return Batch(work, Priority.INTERACTIVE, items)


async def test_the_next_batch_is_collated_while_one_runs(lane):
    work = Recording()
    first, second = (asyncio.create_task(lane.execute(batch_of(work, number))) for number in (1, 2))
    await asyncio.sleep(0.1)
    happened = [event[:2] for event in work.events]
    assert ("collate", 2) in happened
    assert ("run", 2) not in happened
    work.ran_after.set()
    assert [await first, await second] == [[1], [2]]
    assert {event[2] for event in work.events if event[0] == "run"} == {"device_0"}


async def test_a_batch_that_finds_the_device_idle_is_collated_there(lane):
    work = Recording()
    work.ran_after.set()
    for number in (1, 2):
        assert await lane.execute(batch_of(work, number)) == [number]
    assert {thread for _, _, thread in work.events} == {"device_0"}


async def test_a_batch_that_nobody_waits_for_never_runs(lane):
    work = Recording()
    unwanted = batch_of(work, 2)
    first = asyncio.create_task(lane.execute(batch_of(work, 1)))
    second = asyncio.create_task(lane.execute(unwanted))
    await asyncio.sleep(0.05)
    unwanted.items[0].request.answer.cancel()
    work.ran_after.set()
    await first
    assert await second == [None]
    assert ("run", 2) not in [event[:2] for event in work.events]


async def test_the_lane_says_how_long_it_has_been_busy(lane):
    assert lane.busy_s == 0
    call = asyncio.create_task(lane.call(time.sleep, 0.2))
    await asyncio.sleep(0.1)
    assert lane.busy_s > 0.05
    await call
    assert lane.busy_s == 0


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("x"), MemoryError(), RuntimeError("can't allocate memory")])
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
