"""The word splitters of AllenNLP 0.9 that need no rules of spaCy's: simple, just_spaces and letters_digits.

Source: allennlp/data/tokenizers/word_splitter.py of 0.9.0; the last two are tokenizers of their own in 1.x and 2.x.
"""

# ruff: noqa: RUF001  (look-alike characters are what this is about)

from __future__ import annotations

import re

from models.errors import InvalidInstance

from .chunks import ChunkTokenizer, Pieces
from .token import Token

_LETTERS_OR_DIGITS = re.compile(r"[^\W\d_]+|\d+|\S")

_KEPT_WHOLE = frozenset({"mr.", "mrs.", "etc.", "e.g.", "cf.", "c.f.", "eg.", "al."})
_LONGEST_KEPT_WHOLE = max(map(len, _KEPT_WHOLE))
_CONTRACTIONS = ("n't", "'s", "'ve", "'re", "'ll", "'d", "'m", "n’t", "’s", "’ve", "’re", "’ll", "’d", "’m")
_LONGEST_CONTRACTION = max(map(len, _CONTRACTIONS))
_OPENING = frozenset("\"'([{#$“‘")
_CLOSING = frozenset("\"'.,;)]}:!?%”’")


class JustSpacesWordSplitter(ChunkTokenizer):
    """What whitespace separates."""

    def _split(self, chunk: str) -> Pieces:
        return (Token(chunk, 0, len(chunk)),)


def split_on_spaces(text: str) -> list[Token]:
    """What single spaces (U+0020) separate, without what is whitespace itself.

    Raises InvalidInstance for an empty text and for a space too many, as the original does.
    """
    tokens = []
    start = 0
    for word in text.split(" "):
        if not word:
            raise InvalidInstance("this classifier takes words separated by exactly one space, and at least one word")
        if not word.isspace():
            tokens.append(Token(word, start, start + len(word)))
        start += len(word) + 1
    return tokens


def letters_digits(text: str) -> list[Token]:
    """Runs of letters, runs of digits, and any other character that is not whitespace by itself."""
    return [Token(match.group(), *match.span()) for match in _LETTERS_OR_DIGITS.finditer(text)]


class SimpleWordSplitter(ChunkTokenizer):
    """Words without the punctuation around them and the contractions behind them, unless they are abbreviations."""

    def _split(self, chunk: str) -> Pieces:
        begin, end = 0, len(chunk)
        before, after = [], []
        while _can_split(chunk, begin, end) and chunk[begin] in _OPENING:
            before.append((begin, begin + 1))
            begin += 1
        while _can_split(chunk, begin, end) and chunk[end - 1] in _CLOSING:
            after.append((end - 1, end))
            end -= 1
        while _can_split(chunk, begin, end) and (length := _contraction_length(chunk, begin, end)):
            after.append((end - length, end))
            end -= length
        middle = [(begin, end)] if begin < end else []
        return tuple(Token(chunk[first:last], first, last) for first, last in before + middle + after[::-1])


def _can_split(word: str, begin: int, end: int) -> bool:
    return begin < end and (end - begin > _LONGEST_KEPT_WHOLE or word[begin:end].lower() not in _KEPT_WHOLE)


def _contraction_length(word: str, begin: int, end: int) -> int:
    tail = word[max(begin, end - _LONGEST_CONTRACTION) : end].lower()
    return next((len(contraction) for contraction in _CONTRACTIONS if tail.endswith(contraction)), 0)
