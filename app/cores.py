"""How the CPU's cores had better share what there is to compute.

torch divides one operation among threads, which in most classifiers wait for each other longer than they work. Batches
side by side, each on a thread of its own, wait for nobody, but hand Python's lock to and fro. Which is best depends on
the model and on the number of instances, so it is measured when a model is loaded.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from threading import Lock, Semaphore
from typing import Any, Protocol

import torch

from app.spreading import ONE_THREAD, Spread, Spreading
from models.classifier import Batch


class Runnable(Protocol):
    """Works of the lane, as far as the cores are concerned."""

    def collate(self, payloads: Sequence[Any]) -> Batch: ...

    def run(self, batch: Batch) -> Sequence[Any]: ...


Trial = Callable[[], float]
"""Runs once; the seconds that it took."""
Trials = Generator[Trial, float, Spreading]
"""Is sent the seconds of each trial."""


def run_on(threads: int, work: Runnable, batch: Batch) -> Sequence[Any]:
    """The rows, computed with so many threads of torch, whatever runs beside."""
    set_threads(threads)
    return work.run(batch)


def set_threads(number: int) -> None:
    """How many threads of torch what this thread runs from now on has. It decides in which order is summed, and so the
    last bit."""
    torch.get_num_threads()  # or the first operation of this thread would take the number that any thread set last
    torch.set_num_threads(number)


class Cores:
    """`count` of them: who has them, and their trials."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._threads = ThreadPoolExecutor(count, "core")
        # OpenMP keeps threads for every thread that ever asked for several, and once there are more of them than cores
        # they sleep between operations: whatever takes several has to ask from the same few threads.
        self._teams = ThreadPoolExecutor(max(1, count // 2), "team")
        self._free = Semaphore(count)
        self._first_in_line = Lock()

    def pool(self, spread: Spread) -> ThreadPoolExecutor | None:
        """Where batches with several threads of torch have to run; None for others, which may run anywhere."""
        return self._teams if spread.threads > 1 else None

    @contextmanager
    def taken(self, number: int) -> Iterator[None]:
        """So many cores, once they are free: threads that want the same core wait for each other at each operation."""
        with self._first_in_line:
            for _ in range(number):
                self._free.acquire()
        try:
            yield
        finally:
            self._free.release(number)

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
        if self.count == 1:
            return Spreading()
        alone, _ = yield from self._best(work, [payload])
        batches: dict[float, Spread] = {}
        for size in MEASURED_SIZES:
            best, seconds = yield from self._best(work, [payload] * size)
            batches[size * max(1, tokens)] = best
            if seconds > LONG_S or best.parts == self.count:
                break  # it will be the same for more
        return Spreading(alone, batches)

    def _best(self, work: Runnable, payloads: Sequence[Any]) -> Generator[Trial, float, tuple[Spread, float]]:
        """The best spread, and the seconds of one thread. They take turns: what else happens harms all alike."""
        batches = {
            spread: [work.collate(payloads[part :: spread.parts]) for part in range(spread.parts)]
            for spread in self._candidates(len(payloads))
        }
        times = dict.fromkeys(batches, math.inf)
        spent = 0.0
        for turn in range(MOST_TURNS):
            for spread in times:
                seconds = yield partial(self._seconds, work, batches[spread], spread)
                times[spread] = min(times[spread], seconds)
                spent += seconds
            if turn + 1 >= LEAST_TURNS and (spent > MEASURING_S or _is_clear(times)):
                break
        best, single = min(times, key=times.__getitem__), times[ONE_THREAD]
        return best if times[best] < WORTH_WHILE * single else ONE_THREAD, single

    def _seconds(self, work: Runnable, batches: Sequence[Batch], spread: Spread) -> float:
        started = time.perf_counter()
        pool = self.pool(spread) or self._threads
        running = [pool.submit(run_on, spread.threads, work, batch) for batch in batches]
        wait(running)
        seconds = time.perf_counter() - started
        for future in running:
            future.result()
        return seconds

    def _candidates(self, size: int) -> list[Spread]:
        numbers = sorted({*(2**power for power in range(self.count.bit_length())), self.count})
        if size == 1:
            return [Spread(1, threads) for threads in numbers]
        return [Spread(parts, self.count // parts if parts > 1 else 1) for parts in numbers if parts <= size]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._teams.shutdown(wait=False, cancel_futures=True)


def _is_clear(times: Mapping[Spread, float]) -> bool:
    """Whether more threads help, or do not, by so much that another turn would hardly say otherwise."""
    others = min((seconds for spread, seconds in times.items() if spread != ONE_THREAD), default=math.inf)
    least, most = CLOSE
    return not least < others / times[ONE_THREAD] < most


MEASURED_SIZES = (8, 64, 256)
LEAST_TURNS, MOST_TURNS, MEASURING_S = 3, 7, 0.1
"""As many as fit in the time; the shortest counts. One unlucky choice would hold until the model is loaded again."""
WORTH_WHILE = 0.8
"""The share of one thread's time that other threads have to bring it down to: they keep others from their core."""
CLOSE = 0.7, 1.2
"""Shares of one thread's time between which it is measured on."""
LONG_S = 0.01
SWITCH_S = 0.0001
"""How long a thread waits for the interpreter before whoever has it must let go: the threads of the lane want it for
moments, between their operations, and an event loop is not often done within Python's own 5 ms."""
