"""How the CPU's cores share a batch.

torch divides one operation among threads, which in most classifiers wait for each other longer than they work. Parts of
a batch, each on a thread of its own, wait once, but hand Python's lock to and fro. Which is best depends on the model
and on the number of instances, so it is measured when a model is loaded.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

import torch

from models.classifier import Batch


class Spread(NamedTuple):
    """A batch in at most so many `parts`, each on a thread of its own and with so many `threads` of torch."""

    parts: int = 1
    threads: int = 1


ONE_THREAD = Spread()


@dataclass(frozen=True)
class Spreading:
    """The best spread of one instance alone, and of batches by their tokens, for the numbers that were measured."""

    alone: Spread = ONE_THREAD
    batches: Mapping[float, Spread] = field(default_factory=lambda: {1: ONE_THREAD})

    def of(self, tokens: Sequence[int]) -> Spread:
        """That of a batch of instances of so many tokens each."""
        if len(tokens) == 1:
            return self.alone
        total = max(1, sum(tokens))
        return self.batches[min(self.batches, key=lambda measured: abs(math.log(measured / total)))]


class Runnable(Protocol):
    """Works of the lane, as far as the cores are concerned."""

    def collate(self, payloads: Sequence[Any]) -> Batch: ...

    def run(self, batch: Batch) -> Sequence[Any]: ...


class Part(NamedTuple):
    """Some instances of a batch, by number."""

    indices: Sequence[int]
    batch: Batch


Trial = Callable[[], float]
"""Runs once; the seconds that it took."""
Trials = Generator[Trial, float, Spreading]
"""Is sent the seconds of each trial."""


class Cores:
    """`count` of them. One batch at a time."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._others = ThreadPoolExecutor(count - 1, "core") if count > 1 else None

    def collate(self, work: Runnable, payloads: Sequence[Any], tokens: Sequence[int], spread: Spread) -> list[Part]:
        """Parts of about as many tokens each, of neighbours in length: they need less padding than the whole."""
        count = min(spread.parts, self.count, len(payloads))
        if count == 1:
            return [Part(range(len(payloads)), work.collate(payloads))]
        order = sorted(range(len(payloads)), key=tokens.__getitem__)
        return [
            Part(indices, work.collate([payloads[index] for index in indices]))
            for indices in _cut(order, [tokens[index] for index in order], count)
        ]

    def run(self, work: Runnable, parts: Sequence[Part], spread: Spread) -> Sequence[Any]:
        """Rows in the order of the payloads; raises what a part raised, once all have ended."""

        def run(part: Part) -> Sequence[Any]:
            # Each time: OpenMP keeps the number for each thread, MKL for all of them.
            torch.set_num_threads(spread.threads)
            return work.run(part.batch)

        first, *others = parts
        if self._others is None or not others:
            return run(first)
        futures = [self._others.submit(copy_context().run, run, part) for part in others]
        try:
            rows = run(first)
        finally:
            wait(futures)
        return _merged(parts, [rows, *(future.result() for future in futures)])

    def measure(self, work: Runnable, payload: Any, tokens: int) -> Spreading:
        """The best spreads for a payload alone and for batches of its copies."""
        trials = self.trials(work, payload, tokens)
        try:
            trial = next(trials)
            while True:
                trial = trials.send(trial())
        except StopIteration as end:
            spreading: Spreading = end.value
            return spreading

    def trials(self, work: Runnable, payload: Any, tokens: int) -> Trials:
        """As measure, but whoever asks runs each trial, with what else there is to run in between."""
        alone, _ = yield from self._best(work, [payload], [tokens])
        batches: dict[float, Spread] = {}
        for size in MEASURED_SIZES:
            best = yield from self._best(work, [payload] * size, [tokens] * size)
            batches[size * max(1, tokens)], seconds = best
            if seconds > LONG_S:
                break  # so long that it will be the same for more
        return Spreading(alone, batches)

    def _best(
        self, work: Runnable, payloads: Sequence[Any], tokens: Sequence[int]
    ) -> Generator[Trial, float, tuple[Spread, float]]:
        """The best spread, and the seconds of one thread. They take turns: what else happens harms all alike."""
        times = dict.fromkeys(self._candidates(len(payloads)), math.inf)
        spent = 0.0
        for turn in range(MOST_TURNS):
            for spread in times:
                seconds = yield partial(self._seconds, work, payloads, tokens, spread)
                times[spread] = min(times[spread], seconds)
                spent += seconds
            if turn + 1 >= LEAST_TURNS and spent > MEASURING_S:
                break
        best, single = min(times, key=times.__getitem__), times[ONE_THREAD]
        return best if times[best] < WORTH_WHILE * single else ONE_THREAD, single

    def _seconds(self, work: Runnable, payloads: Sequence[Any], tokens: Sequence[int], spread: Spread) -> float:
        parts = self.collate(work, payloads, tokens, spread)
        started = time.perf_counter()
        self.run(work, parts, spread)
        return time.perf_counter() - started

    def _candidates(self, size: int) -> list[Spread]:
        powers = [2**power for power in range(self.count.bit_length())]
        if size == 1:
            return [Spread(1, threads) for threads in powers]
        return [Spread(parts, self.count // parts if parts > 1 else 1) for parts in powers if parts <= size]

    def close(self) -> None:
        if self._others is not None:
            self._others.shutdown(wait=False, cancel_futures=True)


MEASURED_SIZES = (8, 64, 256)
LEAST_TURNS, MOST_TURNS, MEASURING_S = 3, 7, 0.3
"""As many as fit in the time; the shortest counts. One unlucky choice would hold until the model is loaded again."""
WORTH_WHILE = 0.8
"""The share of one thread's time that other threads have to bring it down to: they keep others from their core."""
LONG_S = 0.03


def _cut(order: Sequence[int], tokens: Sequence[int], parts: int) -> list[Sequence[int]]:
    """Neighbours of about as many tokens each; no part is empty."""
    sums = list(accumulate(tokens))
    cuts = [0]
    for part in range(1, parts):
        due = bisect_left(sums, sums[-1] * part / parts) + 1
        cuts.append(min(max(due, cuts[-1] + 1), len(order) - parts + part))
    return [order[start:end] for start, end in zip(cuts, [*cuts[1:], len(order)], strict=True)]


def _merged(parts: Sequence[Part], rows: Iterable[Sequence[Any]]) -> list[Any]:
    """The rows of the parts in the order of the whole. Raises ValueError where a part gave too many or too few."""
    merged = {
        index: row for part, own in zip(parts, rows, strict=True) for index, row in zip(part.indices, own, strict=True)
    }
    return [merged[index] for index in range(len(merged))]
