"""The CPU's cores: who has them, and how many threads of torch a batch takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, Protocol

import torch

from models.classifier import Batch


class Cores:
    """`count` of them. Processes that are forked from this one share them with it."""

    def __init__(self, count: int) -> None:
        self.count = count
        forks = get_context("fork")
        self._free = forks.Semaphore(count)
        self._first_in_line = forks.Lock()

    @contextmanager
    def taken(self, number: int) -> Iterator[None]:
        """So many cores, once they are free: threads that want the same core wait for each other at each operation."""
        with self._first_in_line:
            for _ in range(number):
                self._free.acquire()
        try:
            yield
        finally:
            for _ in range(number):
                self._free.release()


class Runnable(Protocol):
    """Works of the lane, as far as the cores are concerned."""

    def run(self, batch: Batch) -> Sequence[Any]: ...


def run_on(threads: int, work: Runnable, batch: Batch) -> Sequence[Any]:
    """The rows, computed with so many threads of torch, whatever runs beside."""
    set_threads(threads)
    return work.run(batch)


def set_threads(number: int) -> None:
    """How many threads of torch what this thread runs from now on has. It decides in which order is summed, and so the
    last bit."""
    torch.get_num_threads()  # or the first operation of this thread would take the number that any thread set last
    torch.set_num_threads(number)


SWITCH_S = 0.0001
"""How long a thread waits for the interpreter before whoever has it must let go: the threads of the lane want it for
moments, between their operations, and an event loop is not often done within Python's own 5 ms."""
