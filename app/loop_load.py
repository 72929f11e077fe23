"""How much of a core the event loop takes: what batches in another process had better leave to it."""

from __future__ import annotations

import time


class LoopLoad:
    """Ask it from the loop's own thread, often."""

    def __init__(self) -> None:
        self._share = 0.0
        self._asked, self._worked = time.monotonic(), time.thread_time()

    def cores_taken(self) -> int:
        """0, or 1 where it has been busy more than it has not."""
        now = time.monotonic()
        passed = now - self._asked
        if passed >= AT_LEAST_S:
            worked, weight = time.thread_time(), min(1.0, passed / REMEMBERED_S)
            self._share += weight * ((worked - self._worked) / passed - self._share)
            self._asked, self._worked = now, worked
        return round(self._share)


def no_cores() -> int:
    """Where the lane is in the same process, and waits for the loop anyway."""
    return 0


AT_LEAST_S, REMEMBERED_S = 0.01, 0.1
