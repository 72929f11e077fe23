"""The second look of spaCy 3 for special cases: in the tokens of a text, once it has been split.

Source: `_apply_special_cases` and `_filter_special_spans` of spacy/tokenizer.pyx, 3.0 to 3.3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise

from .special_cases import SpecialCases
from .token import Token

_Span = tuple[int, int]
"""Indices of the first token and behind the last one."""


class SpecialSpans:
    """Finds special cases among tokens.

    `patterns` holds, for each special case that the affix and infix rules would split, what they split it into: two
    tokens or more.
    """

    def __init__(self, special_cases: SpecialCases, patterns: Iterable[tuple[str, ...]]) -> None:
        self._special_cases = special_cases
        self._patterns = frozenset(patterns)
        self._lengths = _lengths_by_first(self._patterns)
        self._openings = frozenset(
            pattern[:2] for pattern in self._patterns if special_cases["".join(pattern)] != pattern
        )

    def rejoin(self, text: str, tokens: list[Token]) -> list[Token]:
        """The tokens, with those that make up a special case replaced by its pieces."""
        texts = [token[0] for token in tokens]
        # Hardly a text holds even the beginning of a special case that would change it.
        if self._openings.isdisjoint(pairwise(texts)):
            return tokens
        matches = [
            (index, index + length)
            for index, first in enumerate(texts)
            for length in self._lengths.get(first, ())
            if self._matches(text, texts, tokens, slice(index, index + length))
        ]
        rejoined: list[Token] = []
        done = 0
        for first, last in _selected(matches):
            start, end = tokens[first].start, tokens[last - 1].end
            # A match may reach over a space. It is then no special case, yet has kept others from being selected.
            pieces = self._special_cases.get(text[start:end])
            rejoined += tokens[done:first]
            rejoined += _placed(pieces, start) if pieces else tokens[first:last]
            done = last
        return rejoined + tokens[done:]

    def _matches(self, text: str, texts: Sequence[str], tokens: Sequence[Token], place: slice) -> bool:
        inside = place.stop <= len(texts)
        return inside and tuple(texts[place]) in self._patterns and _adjoin(text, tokens[place])


def _lengths_by_first(patterns: Iterable[tuple[str, ...]]) -> Mapping[str, Collection[int]]:
    """How long the patterns are that begin with a piece."""
    lengths: dict[str, set[int]] = defaultdict(set)
    for pattern in patterns:
        lengths[pattern[0]].add(len(pattern))
    return dict(lengths)


def _adjoin(text: str, tokens: Sequence[Token]) -> bool:
    # Any whitespace but one space is a token to spaCy, and in no pattern.
    return all(text[one.end : other.start] in {"", " "} for one, other in pairwise(tokens))


def _selected(matches: list[_Span]) -> list[_Span]:
    """The longest ones, then the first ones, in order of place. One that is turned down still blocks its tokens."""
    blocked: set[int] = set()
    selected = []
    for first, last in sorted(matches, key=lambda span: (span[0] - span[1], span[0])):
        if first not in blocked and last - 1 not in blocked:
            selected.append((first, last))
        blocked.update(range(first, last))
    return sorted(selected)


def _placed(pieces: tuple[str, ...], start: int) -> list[Token]:
    tokens = []
    for piece in pieces:
        tokens.append(Token(piece, start, start + len(piece)))
        start += len(piece)
    return tokens
