"""The cores share batches of a real classifier: same rows in the same order, and the best spread is found."""

import threading
import time

import pytest
import torch

from app.cores import LONG_S, Cores, Spread, Spreading
from app.served import ServedModel
from tests.service.tiny import TinyClassifier


@pytest.fixture
def cores():
    cores = Cores(3)
    yield cores
    cores.close()


def test_parts_give_the_rows_of_the_whole_in_its_order(cores):
    classifier = TinyClassifier(["x", "y"], multilabel=False, seed=0, batch_seconds=0.0, example="a")
    served = ServedModel("tiny", classifier, classifier.label_set)
    texts = ["a b c d e f g", "a", "b c", "d e f", "g", "a c e g", "b d"]
    features = [classifier.featurize(text) for text in texts]
    tokens = [one.shape[0][1] for one in features]
    alone = [row for one in features for row in served.run(served.collate([one]))]
    for parts in (1, 2, 3, 64):
        spread = Spread(parts)
        rows = cores.run(served, cores.collate(served, features, tokens, spread), spread)
        for one, other in zip(rows, alone, strict=True):
            assert one.logits == pytest.approx(other.logits, abs=1e-6)


def test_parts_have_about_as_many_tokens_and_are_never_empty(cores):
    for tokens in ([9, 1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1], [100, 1, 1, 1], [1] * 300):
        parts = cores.collate(Copying(), tokens, tokens, Spread(parts=3))
        assert sorted(index for part in parts for index in part.indices) == list(range(len(tokens)))
        sums = [sum(tokens[index] for index in part.indices) for part in parts]
        assert all(sums)
        assert max(sums) <= sum(tokens) / 3 + max(tokens)


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

    def seconds(spread):
        tried.append(spread)
        unlucky = tried.count(spread) == 1 and spread != Spread()
        return 10.0 if unlucky else 1.0 / (spread.parts * spread.threads)

    assert made_up(cores.trials(Copying(), 0, 5), seconds).alone != Spread()
    assert tried[0] != tried[1], "the candidates take turns"


def made_up(trials, seconds):
    """The spreading that comes of trials which take so many seconds for a spread."""
    trial = next(trials)
    try:
        while True:
            trial = trials.send(seconds(trial.args[-1]))
    except StopIteration as end:
        return end.value


def test_what_takes_time_for_each_instance_is_divided(cores):
    spreading = cores.measure(Copying(lambda size, threads: size * 2e-4), 0, 5)
    assert spreading.of([5] * 64) == Spread(parts=2)
    assert spreading.of([5]) == Spread()


def test_what_takes_as_long_whatever_its_size_stays_on_one_thread(cores):
    spreading = cores.measure(Copying(lambda size, threads: 5e-3), 0, 5)
    assert {spreading.of([5] * size) for size in (1, 8, 64)} == {Spread()}


def test_one_instance_gets_the_threads_that_it_is_faster_with(cores):
    spreading = cores.measure(Copying(lambda size, threads: 0.01 / threads), 0, 5)
    assert spreading.alone == Spread(threads=2)


def test_no_time_is_lost_on_measuring_what_is_slow(cores):
    work = Copying(lambda size, threads: size * LONG_S / 4)
    started = time.perf_counter()
    spreading = cores.measure(work, 0, 5)
    assert time.perf_counter() - started < 40 * LONG_S
    assert list(spreading.batches) == [40]


def test_a_part_that_fails_fails_the_batch_when_all_have_ended(cores):
    class Failing(Copying):
        def run(self, batch):
            if 1 in batch:
                raise ValueError("one")
            time.sleep(0.05)
            self.ended = True
            return batch

    work = Failing()
    with pytest.raises(ValueError, match="one"):
        cores.run(work, cores.collate(work, [1, 2, 3], [1, 2, 3], Spread(3)), Spread(3))
    assert work.ended


def test_missing_rows_are_noticed(cores):
    class Short(Copying):
        def run(self, batch):
            return batch[1:]

    with pytest.raises(ValueError, match="zip"):
        cores.run(Short(), cores.collate(Short(), [1, 2, 3, 4], [1] * 4, Spread(2)), Spread(2))


def test_what_was_not_measured_takes_the_nearest():
    few, many = Spread(1), Spread(2)
    spreading = Spreading(batches={40: few, 4000: many})
    assert spreading.of([20, 30]) == few
    assert spreading.of([100] * 30) == many
    assert spreading.of([0, 0]) == few
