"""What a function gave for the latest short strings."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, TypeVar

Found = TypeVar("Found")

MOST = 16_384
LONGEST = 32
"""Longer strings hardly repeat. So many words of this length take 5 to 8 MB with their tokens or their spellings, 50 MB
as 32 tokens each."""


class Remembered(Generic[Found]):
    """A function that must depend on nothing but a string, and whose answers nobody may change. Safe from any thread
    where the function is."""

    def __init__(self, function: Callable[[str], Found], most: int = MOST) -> None:
        self._function = function
        self._most = most
        self._recall = lru_cache(maxsize=most)(function)
        self.cache_info = self._recall.cache_info

    def __call__(self, text: str) -> Found:
        return self._recall(text) if len(text) <= LONGEST else self._function(text)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process remembers by itself."""
        return Remembered, (self._function, self._most)
