"""What the queues say of their sizes, against what they hold."""

from __future__ import annotations

import asyncio
import random

import pytest

from app.batch import Item, Priority, Request
from app.queues import Queues
from tests.unit.app.lane import Doubling

pytestmark = pytest.mark.anyio


async def test_sizes_stay_what_is_held_whatever_comes_and_goes() -> None:
    rng, queues, held = random.Random(5), Queues(), list[tuple[Priority, Doubling, list[Item]]]()
    works = [Doubling("one"), Doubling("one"), Doubling("two")]
    for _ in range(500):
        if held and rng.random() < 0.5:
            priority, work, items = held.pop(rng.randrange(len(held)))
            some = items[: rng.randint(0, len(items))]
            queues.remove(priority, work, some)
            queues.remove(priority, work, some)  # a cancelled request takes out again what had its turn
            if rest := items[len(some) :]:
                held.append((priority, work, rest))
        else:
            work, priority = rng.choice(works), rng.choice(list(Priority))
            request = Request(3, asyncio.get_running_loop().time(), work.name)
            items = [Item(request, index, None, ((1, 1),), rng.randint(1, 9)) for index in range(3)]
            queues.add(priority, work, items)
            held.append((priority, work, items))
        for name in ("one", "two"):
            items = [item for _, work, items in held if work.name == name for item in items]
            assert queues.items_of[name] == len(items)
            assert queues.tokens_of[name] == sum(item.tokens for item in items)
    assert queues.items == sum(len(items) for *_, items in held)
