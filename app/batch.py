"""What the batcher moves about: requests, their instances, and batches of them. No asyncio tasks, no policy."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from itertools import accumulate
from typing import Any, Protocol

from app.spreading import ONE_THREAD, Spread, Spreading
from app.stages import TIMED

Shape = tuple[tuple[int, int], ...]
"""(number of texts, tokens of the longest text), one pair for each input of an instance."""


def volume(shape: Shape) -> int:
    """The token positions of one instance padded to `shape`."""
    return sum(texts * tokens for texts, tokens in shape)


def longest(shape: Shape) -> int:
    """The tokens of its longest text."""
    return max((tokens for texts, tokens in shape if texts), default=0)


def cover(one: Shape, other: Shape) -> Shape:
    """The smallest shape that both fit into."""
    return tuple((max(a, c), max(b, d)) for (a, b), (c, d) in zip(one, other, strict=True))


def padding(one: Shape, other: Shape) -> int:
    """The token positions that the two leave empty side by side: of single texts the difference of their lengths."""
    empty = 0
    for (texts, tokens), (others, other_tokens) in zip(one, other, strict=True):
        empty += 2 * max(texts, others) * max(tokens, other_tokens) - texts * tokens - others * other_tokens
    return empty


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
        """True where padding costs next to nothing."""

    @property
    def spreading(self) -> Spreading:
        """How its batches share the cores."""

    @property
    def most_tokens(self) -> float:
        """Padded tokens beyond which a batch gains nothing, whatever the limits allow."""


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


@dataclass(eq=False)
class Batch:
    """Instances of one work that run together. `started` is when the lane began to run them, by the monotonic clock;
    `seconds` is how long it took, once it has."""

    work: Work
    priority: Priority
    items: Sequence[Item]
    spread: Spread = ONE_THREAD
    started: float = 0.0
    seconds: float = 0.0

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
            yield Batch(self.work, self.priority, items, self.spread)

    def settle(self, row: Any) -> None:
        """The same row for every instance that has none yet."""
        for item in self.items:
            item.settle(row)


def divided(items: Sequence[Item], parts: int) -> list[Sequence[Item]]:
    """Neighbours in the length of their longest text, through which all in a batch are walked; about as many tokens in
    each part; no part is empty, so there may be fewer."""
    parts = min(parts, len(items))
    if parts < 2:
        return [items]
    order = sorted(items, key=lambda item: (longest(item.shape), item.tokens))
    sums = list(accumulate(item.tokens for item in order))
    cuts = [0]
    for part in range(1, parts):
        due = bisect_left(sums, sums[-1] * part / parts) + 1
        cuts.append(min(max(due, cuts[-1] + 1), len(order) - parts + part))
    return [order[start:end] for start, end in zip(cuts, [*cuts[1:], len(order)], strict=True)]


@dataclass(frozen=True, slots=True)
class BatchReport:
    """A batch that is over: how long its oldest instance was queued, and how long it held the lane."""

    batch: Batch
    queued_s: float
    ran_s: float
