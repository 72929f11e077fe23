"""What every tokenizer gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Token(NamedTuple):
    """A token and the piece of text it stands for.

    `start` and `end` are character offsets in the text given, `text[start:end]` being the source of the
    token; `text` differs from it only where a tokenizer normalizes (lower case, accents). A token that
    was added (start and end tokens) stands for no text: both offsets are `NO_TEXT`.
    """

    text: str
    start: int
    end: int


NO_TEXT = -1
"""The offset of a token that stands for no text."""

Tokenizer = Callable[[str], list[Token]]


def added(texts: Sequence[str]) -> list[Token]:
    """Tokens that stand for no text."""
    return [Token(text, NO_TEXT, NO_TEXT) for text in texts]
