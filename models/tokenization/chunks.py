"""What most tokenizers here share: a text is chunks between whitespace, and a chunk always gives the same tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache

from .token import Token

Pieces = tuple[Token, ...]
"""The tokens of a chunk, with offsets in the chunk."""

_REMEMBERED_CHUNKS = 16_384
_REMEMBERED_LENGTH = 32
"""Longer chunks hardly repeat. This many of this length take some 5 MB as words, some 50 MB as 32 tokens each."""

# Half the cost of `Token(...)`, which is most of the cost of tokenizing a text whose words are known.
_new = tuple.__new__


class ChunkTokenizer(ABC):
    """Tokenizes chunk by chunk and remembers the pieces of the latest chunks. Safe from any thread."""

    def __init__(self) -> None:
        self._remembered = lru_cache(maxsize=_REMEMBERED_CHUNKS)(self._split)

    @abstractmethod
    def _split(self, chunk: str) -> Pieces:
        """Must depend on nothing but the chunk."""

    def __call__(self, text: str) -> list[Token]:
        tokens: list[Token] = []
        end = 0
        for chunk in text.split():
            start = text.index(chunk, end)
            end = start + len(chunk)
            pieces = self._remembered(chunk) if end - start <= _REMEMBERED_LENGTH else self._split(chunk)
            for piece, first, last in pieces:
                tokens.append(_new(Token, (piece, start + first, start + last)))
        return tokens
