"""What the batcher moves about: requests, their instances, and batches of them. No asyncio tasks, no policy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from typing import Any, Protocol

from app.stages import TIMED

Shape = tuple[tuple[int, int], ...]
"""(number of texts, tokens of the longest text), one pair for each input of an instance."""


def volume(shape: Shape) -> int:
    """The token positions of one instance padded to `shape`."""
    return sum(texts * tokens for texts, tokens in shape)


def cover(one: Shape, other: Shape) -> Shape:
    """The smallest shape that both fit into."""
    return tuple((max(a, c), max(b, d)) for (a, b), (c, d) in zip(one, other, strict=True))


class Priority(Enum):
    INTERACTIVE = "interactive"
    BULK = "bulk"


class Work(Protocol):
    """What the instances of one batch have in common: say, predictions of one classifier. Told apart by identity."""

    @property
    def one_shape(self) -> bool:
        """True where instances of different shapes must not share a batch."""

    @property
    def packed(self) -> bool:
        """True where padding costs nothing."""


class Request:
    """The rows of one request to a model, as they come in."""

    __slots__ = ("answer", "arrived", "missing", "model", "rows", "timed")

    def __init__(self, size: int, arrived: float, model: str = "") -> None:
        self.model = model
        self.arrived = arrived
        self.timed = TIMED.get()
        self.rows: list[Any] = [None] * size
        self.missing = set(range(size))
        self.answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

    def settle(self, index: int, row: Any) -> None:
        """The first row given for an index counts; later ones and those of a cancelled request are dropped."""
        if index not in self.missing or self.answer.done():
            return
        self.rows[index] = row
        self.missing.remove(index)
        if not self.missing:
            self.answer.set_result(self.rows)


@dataclass(slots=True, eq=False)
class Item:
    """One instance of a request, in a queue or a batch. `tokens` is the volume of its shape."""

    request: Request
    index: int
    payload: Any
    shape: Shape
    tokens: int

    def settle(self, row: Any) -> None:
        self.request.settle(self.index, row)


@dataclass(frozen=True, eq=False)
class Batch:
    """Instances of one work that run together."""

    work: Work
    priority: Priority
    items: Sequence[Item]

    @property
    def payloads(self) -> list[Any]:
        return [item.payload for item in self.items]

    @property
    def wanted(self) -> bool:
        """False once nobody waits for any of it. May be asked from any thread."""
        return any(not item.request.answer.done() for item in self.items)

    @property
    def real_tokens(self) -> int:
        return sum(item.tokens for item in self.items)

    @property
    def padded_tokens(self) -> int:
        """What the device computes."""
        if self.work.packed:
            return self.real_tokens
        return len(self.items) * volume(reduce(cover, (item.shape for item in self.items)))

    def halves(self) -> Iterator[Batch]:
        middle = len(self.items) // 2
        for items in (self.items[:middle], self.items[middle:]):
            yield Batch(self.work, self.priority, items)

    def settle(self, row: Any) -> None:
        """The same row for every instance that has none yet."""
        for item in self.items:
            item.settle(row)


@dataclass(frozen=True, slots=True)
class BatchReport:
    """A batch that is over: how long its oldest instance was queued, and how long it held the lane."""

    batch: Batch
    queued_s: float
    ran_s: float
