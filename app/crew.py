"""Threads that share the device lane's work where the device is a CPU.

torch spreads one operation over the cores, which small operations do not repay. Independent parts of a batch do, each
on a core of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


class Crew:
    """`size` threads of one core each; with a size of 1 the caller does all itself, with all the cores it has."""

    def __init__(self, size: int = 1) -> None:
        self.size = size
        self._threads = ThreadPoolExecutor(size, "crew", torch.set_num_threads, (1,)) if size > 1 else None

    def map(self, function: Callable[[T], R], parts: Sequence[T]) -> list[R]:
        """Results in order; raises what the first part that failed raised."""
        if self._threads is None or len(parts) < 2:
            return [function(part) for part in parts]
        return list(self._threads.map(function, parts))

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
