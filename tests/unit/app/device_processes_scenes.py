"""What test_device_processes.py looks at, each in a process that has no threads yet: those of the lane are forks."""

import asyncio
import copy
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch

from app.batch import Batch, Item, Priority, Request
from app.cores import Cores
from app.device import DeviceLane
from app.device_processes import DeviceProcesses
from app.errors import DeviceLost, OutOfMemory
from app.explain_work import ExplainWorks
from app.logging import frames_of
from app.memory import host_memory
from app.served import ServedModel
from app.slice_gate import SliceGate
from app.sliced_work import Slice
from app.spreading import Spread, Spreading
from app.stages import TIMED
from app.trials import LONG_S
from models.errors import InvalidInstance
from models.explain_methods import METHODS
from tests.service.gone import has_gone
from tests.service.tiny import TinyClassifier

PLAYED = "played to the end"


def play(name: str) -> None:
    torch.set_num_threads(1)
    asyncio.run(_play(name, DeviceProcesses(Cores(2))))
    sys.stdout.write(PLAYED)


async def _play(name, processes):
    lane = DeviceLane(torch.device("cpu"), processes.cores, processes)
    try:
        await globals()[name](processes, lane)
    finally:
        lane.close()


def tiny(**config):
    return TinyClassifier(
        ["good", "bad"], **{"multilabel": False, "seed": 0, "batch_seconds": 0, "example": "fine"} | config
    )


async def served(lane, classifier):
    await lane.place(classifier)
    return ServedModel("it", classifier, classifier.label_set)


def batch_of(work, *texts):
    request = Request(len(texts), time.monotonic())
    features = [work.classifier.featurize(text) for text in texts]
    items = [Item(request, number, one, one.shape, one.shape[0][1]) for number, one in enumerate(features)]
    return Batch(work, Priority.INTERACTIVE, items, Spread())


async def raised(lane, batch):
    (error,) = await asyncio.gather(lane.execute(batch), return_exceptions=True)
    return error


async def rows_are_those_of_this_process(processes, lane):
    classifier = tiny()
    here = DeviceLane(torch.device("cpu"), Cores(2))
    texts = ["a good day", "bad", "so so la la"]
    wanted = await here.execute(batch_of(ServedModel("it", classifier, classifier.label_set), *texts))
    here.close()
    work = await served(lane, classifier)
    batch = batch_of(work, *texts)
    started = time.monotonic()
    assert await lane.execute(batch) == wanted
    assert started <= batch.started <= time.monotonic()
    assert 0 < batch.seconds < time.monotonic() - started
    assert not processes.busy_since
    refused, answered = await lane.execute(batch_of(work, "NO_ANSWER", "fine"))
    assert type(refused) is InvalidInstance
    assert len(answered.scores) == 2


async def errors_come_back_with_their_place(processes, lane):
    work = await served(lane, tiny())
    error = await raised(lane, batch_of(work, "BREAK_ENCODE"))
    assert type(error) is IndexError, error
    assert error.args == ("told to break in encode",)
    assert any(frame.startswith("tiny.py:") for frame in frames_of(error)), frames_of(error)
    assert type(await raised(lane, batch_of(work, "BREAK_COLLATE"))) is ValueError
    assert type(await raised(lane, batch_of(work, "OUT_OF_MEMORY", "two"))) is OutOfMemory
    assert type(await raised(lane, batch_of(work, "LOSE_DEVICE"))) is DeviceLost
    assert len(await lane.execute(batch_of(work, "fine"))) == 1


class TellingClassifier(TinyClassifier):
    def encode(self, batch):
        raise LookupError(threading.get_native_id())


async def what_comes_one_by_one_is_run_by_the_thread_that_is_warm(processes, lane):
    work = await served(
        lane, TellingClassifier(["good", "bad"], multilabel=False, seed=0, batch_seconds=0, example="a")
    )
    threads = []
    for _ in range(20):
        threads.append((await raised(lane, batch_of(work, "a"))).args[0])
        await asyncio.sleep(0.01)  # until it waits again
    others = sum(one != before for before, one in pairwise(threads))
    assert others < len(threads) / 2, threads  # on a busy machine it may be late


class Odd(Exception):
    def __init__(self):
        super().__init__("odd")
        self.never_pickled = lambda: None


class OddClassifier(TinyClassifier):
    def encode(self, batch):
        raise Odd


async def errors_that_cannot_travel_say_what_they_were(processes, lane):
    classifier = OddClassifier(["good", "bad"], multilabel=False, seed=0, batch_seconds=0, example="fine")
    error = await raised(lane, batch_of(await served(lane, classifier), "fine"))
    assert type(error) is RuntimeError
    assert str(error) == "Odd: odd"


async def the_first_that_is_killed_is_a_lost_device(processes, lane):
    await lost_with(processes, lane, 0)


async def another_that_is_killed_is_a_lost_device(processes, lane):
    await lost_with(processes, lane, 1)


async def lost_with(processes, lane, number):
    told = []
    processes.on_lost = lambda: told.append(True)
    work = await served(lane, tiny())
    await started(processes)
    running = []
    for word in ("FOREVER", "FOREVER", "fine"):
        running.append(asyncio.ensure_future(raised(lane, batch_of(work, word))))
        await asyncio.sleep(0.1)
    assert len(processes.busy_since) == 3
    assert 0.1 < lane.busy_s < 5
    pids = [process.pid for process in processes.started]
    os.kill(pids[number], signal.SIGKILL)
    assert {type(error) for error in await asyncio.gather(*running)} == {DeviceLost}
    assert type(await raised(lane, batch_of(work, "fine"))) is DeviceLost
    assert told == [True]
    assert all(has_gone(pid) for pid in pids)


async def started(processes):
    while len(processes.started) < processes.cores.count:  # noqa: ASYNC110 - they tell the service, not a test
        await asyncio.sleep(0.02)


async def what_nobody_waits_for_any_more_still_keeps_it_busy(processes, lane):
    work = await served(lane, tiny())
    running = asyncio.ensure_future(lane.execute(batch_of(work, "SLOW")))
    await asyncio.sleep(0.2)
    running.cancel()
    await asyncio.sleep(0.2)
    assert 0.3 < lane.busy_s < 1
    await asyncio.sleep(1)
    assert not lane.busy_s


async def what_cannot_be_handed_over_stays(processes, lane):
    classifier = tiny()
    classifier.never_pickled = lambda: None
    work = await served(lane, classifier)
    assert not processes.has(classifier)
    assert len(await lane.execute(batch_of(work, "fine"))) == 1
    assert isinstance(await lane.measure(work, classifier.featurize("fine"), 1), Spreading)


async def it_measures(processes, lane):
    """What is quick is tried in larger batches too, as far as the clock says; what takes long only in the smallest."""
    for seconds, tried in (0, [{8}, {8, 64}, {8, 64, 256}]), (2 * LONG_S, [{8}]):
        work = await served(lane, tiny(batch_seconds=seconds))
        spreading = await lane.measure(work, work.classifier.featurize("fine"), 1)
        assert spreading.batches.keys() in tried


async def explanations_of_a_model_share_what_was_handed_over(processes, lane):
    """A work is made for each request, and is soon gone again."""
    served_model = await served(lane, tiny())
    work = ExplainWorks(SliceGate()).of(served_model, METHODS["saliency"], "zero").ends
    first = await lane.execute(slices_of(work, "a good day"))
    assert len(processes._works_of[served_model]) == 2
    work = ExplainWorks(SliceGate()).of(served_model, METHODS["saliency"], "zero").ends
    assert await lane.execute(slices_of(work, "a good day")) == first
    assert len(processes._works_of[served_model]) == 2
    other = ExplainWorks(SliceGate()).of(served_model, METHODS["saliency"], "pad").ends
    assert await lane.execute(slices_of(other, "a good day")) != first
    head = copy.deepcopy(served_model.label_set.head)
    head.requires_grad_(False).bias += 1.5 * torch.arange(2)
    label_set = replace(served_model.label_set, head=head, version=2)
    work = ExplainWorks(SliceGate()).of(replace(served_model, label_set=label_set), METHODS["saliency"], "zero").ends
    assert await lane.execute(slices_of(work, "a good day")) != first


def slices_of(work, text):
    batch = batch_of(work, text)
    for item in batch.items:
        item.payload = Slice(item.payload, 1)
    return batch


async def two_batches_run_side_by_side(processes, lane):
    work = await served(lane, tiny(batch_seconds=0.5))
    one, other = batch_of(work, "fine"), batch_of(work, "fine")
    await ran(lane, one, other)
    assert abs(one.started - other.started) < 0.4


async def what_takes_every_core_waits_for_them_and_keeps_them(processes, lane):
    work = await served(lane, tiny(batch_seconds=0.3))
    first, second, third = (batch_of(work, "fine") for _ in range(3))
    first.spread, second.spread, third.spread = Spread(parts=2), Spread(parts=2, threads=2), Spread(parts=2)
    await ran(lane, first, second, third)
    assert second.started >= first.started + first.seconds
    assert third.started >= second.started + second.seconds


async def ran(lane, *batches):
    """Returns when the batches have run; each is handed over a little after the one before."""
    running = []
    for batch in batches:
        running.append(asyncio.ensure_future(lane.execute(batch)))
        await asyncio.sleep(0.05)
    await asyncio.gather(*running)


class Watch:
    def __init__(self):
        self.stages = []

    @contextmanager
    def stage(self, name):
        yield

    def record(self, name, start_ns, end_ns, error=None):
        assert start_ns <= end_ns
        self.stages.append((name, error))


async def stages_are_timed_where_asked(processes, lane):
    work = await served(lane, tiny())
    watch = Watch()
    TIMED.set(watch)
    await lane.execute(batch_of(work, "fine"))
    assert watch.stages == [("collate", None), ("encode", None), ("head", None)]
    watch.stages.clear()
    await raised(lane, batch_of(work, "BREAK_ENCODE"))
    assert watch.stages == [("collate", None), ("encode", "IndexError")]


MiB = 1 << 20


async def what_a_fork_has_in_common_counts_once(processes, lane):
    await lane.place(tiny())
    await started(processes)
    first, other = processes.started
    assert host_memory(beside=[first, other])["allocated"] - host_memory(beside=[first])["allocated"] < 60 * MiB
    assert host_memory(beside=[first])["allocated"] - host_memory()["allocated"] > 100 * MiB


async def nothing_is_kept_of_what_is_gone(processes, lane):
    """Weights of 128 MB, in memory once for as long as they are anybody's."""
    await lane.place(tiny())
    await started(processes)
    before = host_memory(beside=processes.started)["allocated"]
    for _ in range(6):
        classifier = tiny()
        classifier.embeddings = torch.randn(2_000_000, 16)
        work = await served(lane, classifier)
        await lane.execute(batch_of(work, "fine"))
        assert host_memory(beside=processes.started)["allocated"] - before < 300 * MiB
        del classifier, work
        await asyncio.sleep(0.05)
        await lane.execute(batch_of(await served(lane, tiny()), "fine"))  # what was forgotten is told by now
    assert host_memory(beside=processes.started)["allocated"] - before < 100 * MiB
    assert max(map(mapped, ("self", *(process.pid for process in processes.started)))) <= 4


def mapped(pid):
    """How many files of weights a process still maps; what it has not touched of them is not resident."""
    return Path(f"/proc/{pid}/maps").read_text().count("memfd:weights")
