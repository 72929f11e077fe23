"""Vectors of words that were spelled out before: an encoder of characters reads the same words in every text.

They are computed in twice the precision and rounded. A sum's last bit depends on what else is in its batch: a word's
vector would depend on the batch that it was first read in, and so would every answer from then on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from models.recurrent_layers import state_of_weights

MOST_WORDS = 1 << 15
"""What is kept of one encoder: 8 MiB for vectors of 64 numbers, and about as much for the spellings."""
LONGEST_WORD = 64
"""In characters: nobody can fill the memory with spellings. 19 MiB is the most that they take."""


class KnownWords:
    """A table of vectors by spelling. Any thread may ask; once it is full it starts anew."""

    def __init__(self, most: int = MOST_WORDS) -> None:
        self._most = most
        self._lock = Lock()
        self._places: dict[bytes, int] = {}
        self._table: Tensor | None = None

    def __len__(self) -> int:
        return len(self._places)

    def vectors(self, words: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
        """(words, characters) ids on the CPU, 0 behind each word's last -> (words, dim).

        `encode` does so for words that are not known, each once.
        """
        spellings = _spellings(words)
        places, found = self._look_up(spellings)
        missing = [row for row, place in enumerate(places) if place < 0]
        if found is not None and not missing:
            return found
        unknown = {spellings[row]: row for row in missing}
        longest = LONGEST_WORD * words.element_size()
        short = {spelling: row for spelling, row in unknown.items() if len(spelling) <= longest}
        long = {spelling: row for spelling, row in unknown.items() if len(spelling) > longest}
        # Apart, so that one long word does not pad all others.
        rows = [list(group.values()) for group in (short, long) if group]
        encoded = torch.cat([encode(_without_padding(words[some])) for some in rows])
        if found is None:
            found = encoded.new_empty(len(spellings), encoded.size(1))
        order = {spelling: number for number, spelling in enumerate([*short, *long])}
        found[missing] = encoded[[order[spellings[row]] for row in missing]]
        self._learn(list(short), encoded[: len(short)])
        return found

    def _look_up(self, spellings: list[bytes]) -> tuple[list[int], Tensor | None]:
        """Where each word is, -1 where it is not, and what stands there: (words, dim)."""
        with self._lock:
            places = [self._places.get(spelling, -1) for spelling in spellings]
            if self._table is None:
                return places, None
            return places, self._table[torch.tensor(places).clamp_(min=0)]

    def _learn(self, spellings: list[bytes], vectors: Tensor) -> None:
        with self._lock:
            if self._table is None:
                with torch.inference_mode(False):  # or nobody could write to it outside of that mode
                    self._table = vectors.new_empty(self._most, vectors.size(1))
            if len(self._places) + len(spellings) > self._most:
                self._places.clear()
            places = [self._places.setdefault(one, len(self._places)) for one in spellings[: self._most]]
            self._table[places] = vectors[: self._most]


E = TypeVar("E", bound=nn.Module)


class Reader(NamedTuple, Generic[E]):
    """What an encoder has read with its `weights` as they are, and the encoder in twice its precision."""

    weights: object
    words: KnownWords
    precise: E


_READERS: WeakKeyDictionary[nn.Module, Reader[Any]] = WeakKeyDictionary()


def reader_of(encoder: E) -> Reader[E]:
    """Made once, and again when the weights are others."""
    weights = state_of_weights(encoder)
    found: Reader[E] | None = _READERS.get(encoder)
    if found is None or found.weights != weights:
        with torch.inference_mode(False), torch.no_grad():
            found = Reader(weights, KnownWords(), copy.deepcopy(encoder).double())
        _READERS[encoder] = found
    return found


def _spellings(words: Tensor) -> list[bytes]:
    """Each row without what pads it."""
    # (words, characters) -> one string of bytes, a word after the other
    flat = words.contiguous().numpy().tobytes()
    width = words.size(1) * words.element_size()
    return [flat[start : start + width].rstrip(b"\0") for start in range(0, len(flat), width)]


def _without_padding(words: Tensor) -> Tensor:
    """(words, characters) as wide as the longest word."""
    return words[:, : max(1, int((words != 0).sum(dim=1).amax()))]
