import asyncio
import threading
import time

import pytest

from app.featurizer import GROUP_ITEMS, Featurizer
from models.errors import InvalidInstance

pytestmark = pytest.mark.anyio


class Shouting:
    """Featurizes a word to its capitals; counts the threads' hand-overs by the first word of each."""

    def __init__(self):
        self.go_on = threading.Event()
        self.go_on.set()
        self.order = []

    def featurize(self, instance):
        self.go_on.wait(5)
        self.order.append(instance)
        if instance == "invalid":
            raise InvalidInstance("no")
        if instance == "broken":
            raise ZeroDivisionError
        return instance.upper()


@pytest.fixture
def featurizer():
    featurizer = Featurizer(1)
    yield featurizer
    featurizer.close()


async def test_outcomes_come_in_order_and_refusals_in_place(featurizer):
    one, no, two = await featurizer.featurize(Shouting(), ["one", "invalid", "two"])
    assert (one, two) == ("ONE", "TWO")
    assert isinstance(no, InvalidInstance)


async def test_a_request_that_breaks_harms_only_itself(featurizer):
    classifier = Shouting()
    outcomes = await asyncio.gather(
        *(featurizer.featurize(classifier, [word]) for word in ("one", "broken", "two")), return_exceptions=True
    )
    assert outcomes[0] == ["ONE"]
    assert isinstance(outcomes[1], ZeroDivisionError)
    assert outcomes[2] == ["TWO"]


async def test_what_nobody_waits_for_is_not_featurized(featurizer):
    classifier = Shouting()
    classifier.go_on.clear()
    first = asyncio.create_task(featurizer.featurize(classifier, ["first"]))
    await asyncio.sleep(0.02)
    gone = asyncio.create_task(featurizer.featurize(classifier, ["gone"]))
    last = asyncio.create_task(featurizer.featurize(classifier, ["last"]))
    await asyncio.sleep(0.02)
    assert featurizer.pending_items(classifier) == 2
    gone.cancel()
    await asyncio.sleep(0)
    classifier.go_on.set()
    assert [await first, await last] == [["FIRST"], ["LAST"]]
    assert classifier.order == ["first", "last"]
    assert featurizer.pending_items(classifier) == 0


async def test_many_requests_and_large_ones_are_all_answered(featurizer):
    sizes = [1, GROUP_ITEMS - 1, GROUP_ITEMS + 5, 1, 1, GROUP_ITEMS * 3, 2] * 5
    requests = [featurizer.featurize(Shouting(), [f"w{n}"] * size) for n, size in enumerate(sizes)]
    for number, outcomes in enumerate(await asyncio.gather(*requests)):
        assert outcomes == [f"W{number}"] * sizes[number]


class Slow(Shouting):
    """Takes a millisecond of work for a character of `S`; says on which threads it worked."""

    def __init__(self):
        super().__init__()
        self.threads = []

    def featurize(self, instance):
        self.threads.append(threading.current_thread())
        until = time.thread_time() + 0.001 * instance.count("S")
        while time.thread_time() < until:
            pass
        return super().featurize(instance)


async def test_what_takes_less_than_the_hand_over_is_not_handed_over(featurizer):
    classifier = Slow()
    texts = ["a text of forty characters, which is quick"] * 2 + ["x" * 100_000]
    for text in texts:
        assert await featurizer.featurize(classifier, [text], len(text)) == [text.upper()]
    here = threading.current_thread()
    assert [thread is here for thread in classifier.threads] == [False, True, False]


async def test_a_pace_is_learnt_from_the_slowest_of_late(featurizer):
    classifier = Slow()
    for text in ("S" * 30, "quick " * 10, "quick " * 10):
        await featurizer.featurize(classifier, [text], len(text))
    assert threading.current_thread() not in classifier.threads
