"""The cores share batches of a real classifier: same rows in the same order, and the best spread is found."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from app.cores import LONG_S, Cores, set_threads
from app.spreading import Spread, Spreading


@pytest.fixture
def cores():
    cores = Cores(3)
    yield cores
    cores.close()


class Copying:
    """Work that gives its payloads back, after a while that `pause` tells from their number."""

    def __init__(self, pause=lambda size, threads: 0.0):
        self.pause, self.threads = pause, set()

    def collate(self, payloads):
        return payloads

    def run(self, batch):
        self.threads.add(threading.current_thread().name)
        time.sleep(self.pause(len(batch), torch.get_num_threads()))
        return batch


def test_one_unlucky_trial_decides_nothing(cores):
    tried = []

    def seconds(batches, spread):
        tried.append(spread)
        unlucky = tried.count(spread) == 1 and spread != Spread()
        return 10.0 if unlucky else 1.0 / (spread.parts * spread.threads)

    assert made_up(cores.trials(Copying(), 0, 5), seconds).alone != Spread()
    assert tried[0] != tried[1], "the candidates take turns"


def made_up(trials, seconds):
    """The spreading that comes of trials which take so many seconds for batches by a spread."""
    trial = next(trials)
    try:
        while True:
            trial = trials.send(seconds(*trial.args[1:]))
    except StopIteration as end:
        return end.value


@pytest.mark.clock
def test_what_takes_time_for_each_instance_is_divided(cores):
    spreading = cores.measure(Copying(lambda size, threads: size * 2e-4), 0, 5)
    assert spreading.of(64, 320) == Spread(parts=3)
    assert spreading.alone == Spread()


@pytest.mark.clock
def test_what_takes_as_long_whatever_its_size_stays_on_one_thread(cores):
    spreading = cores.measure(Copying(lambda size, threads: 5e-3), 0, 5)
    assert {spreading.of(size, 5 * size) for size in (1, 8, 64)} == {Spread()}


@pytest.mark.clock
def test_one_instance_gets_the_threads_that_it_is_faster_with(cores):
    spreading = cores.measure(Copying(lambda size, threads: 0.01 / threads), 0, 5)
    assert spreading.alone == Spread(threads=3)


def test_no_time_is_lost_on_measuring_what_is_slow(cores):
    work = Copying(lambda size, threads: size * LONG_S / 4)
    started = time.perf_counter()
    spreading = cores.measure(work, 0, 5)
    assert time.perf_counter() - started < 40 * LONG_S
    assert list(spreading.batches) == [40]


def test_more_is_tried_until_every_core_is_worth_while(cores):
    sizes = []

    def seconds(batches, spread):
        sizes.append(sum(map(len, batches)))
        return 1e-3 if sizes[-1] < 64 else 4e-3 / spread.parts

    spreading = made_up(cores.trials(Copying(), 0, 5), seconds)
    assert set(sizes) == {1, 8, 64}, "what 64 say holds for 256"
    assert spreading.of(8, 40) == Spread()
    assert spreading.of(64, 320).parts == 3


def test_a_part_that_fails_fails_the_trial(cores):
    class Failing(Copying):
        def run(self, batch):
            raise ValueError("one")

    with pytest.raises(ValueError, match="one"):
        cores.measure(Failing(), 0, 5)


def test_a_thread_keeps_its_number_of_threads_whatever_others_have():
    def told_beside(number, others):
        set_threads(number)
        with ThreadPoolExecutor(1) as other:
            other.submit(set_threads, others).result()
        return set(map(int, re.findall(r"get_(?:num|max)_threads\(\) : (\d+)", torch.__config__.parallel_info())))

    with ThreadPoolExecutor(1) as new:
        assert new.submit(told_beside, 2, 1).result() == {2}
        assert new.submit(told_beside, 1, 2).result() == {1}


def test_one_core_has_no_choice():
    assert Cores(1).measure(Copying(), 0, 5) == Spreading()


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
