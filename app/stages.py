"""The stages of a request and of a batch, for whoever times them: parse, featurize, collate, encode, head, respond.

Nobody does unless traces are asked for (app/tracing.py); then a stage costs a look at a variable.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Protocol


class Timed(Protocol):
    """A request or a batch whose stages are timed. Any thread may enter one."""

    def stage(self, name: str) -> AbstractContextManager[None]: ...

    def record(self, name: str, start_ns: int, end_ns: int, error: str | None = None) -> None:
        """A stage that another process has done: nanoseconds since the epoch, and the kind of error that ended it."""


TIMED: ContextVar[Timed | None] = ContextVar("timed", default=None)
"""What the running code is a part of. Threads that work for it run in a copy of its context."""

_UNTIMED = nullcontext()


def stage(name: str) -> AbstractContextManager[None]:
    """The block is a stage of what is timed, where anything is."""
    timed = TIMED.get()
    return _UNTIMED if timed is None else timed.stage(name)
