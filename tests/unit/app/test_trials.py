"""The best spread is found, whatever single trials say, in little time."""

import time

import pytest
import torch

from app.cores import Cores
from app.device import DeviceLane
from app.spreading import Spread, Spreading
from app.trials import LONG_S, trials

pytestmark = pytest.mark.anyio


def found(seconds, cores=3, tokens=5):
    """The spreading that comes of trials which take so many `seconds(sizes of the batches, spread)`."""
    asked = trials(cores, "payload", tokens)
    try:
        trial = next(asked)
        while True:
            trial = asked.send(seconds(list(map(len, trial.parts)), trial.spread))
    except StopIteration as end:
        return end.value


def test_one_unlucky_trial_decides_nothing():
    tried = []

    def seconds(sizes, spread):
        tried.append(spread)
        unlucky = tried.count(spread) == 1 and spread != Spread()
        return 10.0 if unlucky else 1.0 / (spread.parts * spread.threads)

    assert found(seconds).alone != Spread()
    assert tried[0] != tried[1], "the candidates take turns"


def test_what_takes_time_for_each_instance_is_divided():
    spreading = found(lambda sizes, spread: max(sizes) * 2e-4)
    assert spreading.of(64, 320) == Spread(parts=3)
    assert spreading.alone == Spread()


def test_what_takes_as_long_whatever_its_size_stays_on_one_thread():
    spreading = found(lambda sizes, spread: 5e-3)
    assert {spreading.of(size, 5 * size) for size in (1, 8, 64)} == {Spread()}


def test_one_instance_gets_the_threads_that_it_is_faster_with():
    assert found(lambda sizes, spread: 0.01 / spread.threads).alone == Spread(threads=3)


def test_no_time_is_lost_on_measuring_what_is_slow():
    spent = []

    def seconds(sizes, spread):
        spent.append(sum(sizes) * LONG_S / 4)
        return spent[-1]

    assert list(found(seconds).batches) == [40]
    assert sum(spent) < 40 * LONG_S


def test_more_is_tried_until_every_core_is_worth_while():
    tried = []

    def seconds(sizes, spread):
        tried.append(sum(sizes))
        return 1e-3 if tried[-1] < 64 else 4e-3 / spread.parts

    spreading = found(seconds)
    assert set(tried) == {1, 8, 64}, "what 64 say holds for 256"
    assert spreading.of(8, 40) == Spread()
    assert spreading.of(64, 320).parts == 3


def test_one_core_has_no_choice():
    assert found(lambda sizes, spread: 1.0, cores=1) == Spreading()


class Sleeping:
    """Work that takes a while, which `pause` tells from the number of its payloads and of torch's threads."""

    one_shape = packed = False

    def __init__(self, pause):
        self.pause = pause

    def collate(self, payloads):
        return Moved(payloads)

    def run(self, batch):
        time.sleep(self.pause(len(batch), torch.get_num_threads()))
        return batch


class Moved(list):
    def to(self, device):
        return self


@pytest.fixture
def lane():
    lane = DeviceLane(torch.device("cpu"), Cores(3))
    yield lane
    lane.close()


@pytest.mark.clock
async def test_the_lane_takes_the_time_of_what_runs_side_by_side(lane):
    divided = await lane.measure(Sleeping(lambda size, threads: size * 2e-4), 0, 5)
    assert divided.of(64, 320) == Spread(parts=3)
    assert divided.alone == Spread()
    assert (await lane.measure(Sleeping(lambda size, threads: 0.01 / threads), 0, 5)).alone == Spread(threads=3)


async def test_a_part_that_fails_fails_the_trial(lane):
    def fail(size, threads):
        raise ValueError("one")

    with pytest.raises(ValueError, match="one"):
        await lane.measure(Sleeping(fail), 0, 5)


def test_what_was_not_measured_takes_the_nearest():
    few, many = Spread(1), Spread(2)
    spreading = Spreading(batches={40: few, 4000: many})
    assert spreading.of(2, 50) == few
    assert spreading.of(30, 3000) == many
    assert spreading.of(2, 0) == few


def test_one_alone_has_the_threads_of_one_and_the_company_of_many():
    spreading = Spreading(Spread(threads=2), {40: Spread(parts=2)})
    assert spreading.of(1, 40) == Spread(2, 2)
    assert spreading.of(2, 40) == Spread(2, 1)


def test_what_a_token_takes_is_told_by_the_largest_batch():
    assert found(lambda sizes, spread: max(sizes) * 2e-4).token_s == pytest.approx(2e-4 / 5)
    assert found(lambda sizes, spread: 1.0, cores=1).token_s == 0.0
