"""Whether slopes are to be those of an original's layers; ours differ at ties and at vectors of zero alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_wanted: ContextVar[bool] = ContextVar("original_slopes", default=False)


@contextmanager
def original_slopes() -> Iterator[None]:
    """Inside the block they are."""
    token = _wanted.set(True)
    try:
        yield
    finally:
        _wanted.reset(token)


def original_slopes_wanted() -> bool:
    return _wanted.get()
