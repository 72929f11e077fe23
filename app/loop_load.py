"""How much of a core the event loop wants: what batches in other processes had better leave to it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress


class LoopLoad:
    """Make it in the thread of the loop, and ask it from there, often."""

    def __init__(self) -> None:
        self._share = 0.0
        self._seconds_wanted = seconds_wanted()
        self._asked, self._wanted = time.monotonic(), self._seconds_wanted()

    def cores_taken(self) -> int:
        """0, or 1 where it has had something to do for more of the time than it had not."""
        now = time.monotonic()
        passed = now - self._asked
        if passed >= AT_LEAST_S:
            wanted, weight = self._seconds_wanted(), min(1.0, passed / REMEMBERED_S)
            self._share += weight * ((wanted - self._wanted) / passed - self._share)
            self._asked, self._wanted = now, wanted
        return round(self._share)


def seconds_wanted() -> Callable[[], float]:
    """Tells for how long this thread has run, and where the system says so, waited for a core to run on: batches that
    keep the loop from its core would make it look idle."""
    with suppress(OSError):
        file = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        return lambda: sum(map(int, os.pread(file, SCHEDSTAT_BYTES, 0).split()[:2])) / 1e9
    return time.thread_time


def no_cores() -> int:
    """Where the lane is in the same process, and waits for the loop anyway."""
    return 0


AT_LEAST_S, REMEMBERED_S = 0.01, 0.1
SCHEDSTAT_BYTES = 128
"""Three numbers: nanoseconds that it ran, and that it waited, and how many times it ran."""
