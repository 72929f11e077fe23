"""What most tokenizers here share: a text is chunks between whitespace, and a chunk always gives the same tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod

from models.remembered import Remembered

from .token import Token

Pieces = tuple[Token, ...]
"""The tokens of a chunk, with offsets in the chunk."""

# Half the cost of `Token(...)`, which is most of the cost of tokenizing a text whose words are known.
_new = tuple.__new__


class ChunkTokenizer(ABC):
    """Tokenizes chunk by chunk and remembers the pieces of the latest chunks. Safe from any thread."""

    def __init__(self) -> None:
        self._remembered = Remembered(self._split)

    @abstractmethod
    def _split(self, chunk: str) -> Pieces:
        """Must depend on nothing but the chunk."""

    def __call__(self, text: str) -> list[Token]:
        tokens: list[Token] = []
        end = 0
        for chunk in text.split():
            start = text.index(chunk, end)
            end = start + len(chunk)
            for piece, first, last in self._remembered(chunk):
                tokens.append(_new(Token, (piece, start + first, start + last)))
        return tokens
