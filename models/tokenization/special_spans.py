"""The second look of spaCy 3 for special cases: in the tokens of a text, once it has been split.

Source: `_apply_special_cases` and `_filter_special_spans` of spacy/tokenizer.pyx, 3.0 to 3.3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
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
        self._patterns: Mapping[str, list[tuple[str, ...]]] = _by_first(patterns)
        self._openings = frozenset(
            pattern[:2]
            for same_first in self._patterns.values()
            for pattern in same_first
            if special_cases["".join(pattern)] != pattern
        )

    def rejoin(self, text: str, tokens: list[Token]) -> list[Token]:
        """The tokens, with those that make up a special case replaced by its pieces."""
        # Hardly a text holds even the beginning of a special case that would change it.
        if self._openings.isdisjoint(pairwise([token[0] for token in tokens])):
            return tokens
        matches = [
            (index, index + len(pattern))
            for index, token in enumerate(tokens)
            if token.text in self._patterns
            for pattern in self._patterns[token.text]
            if _occurs(pattern, text, tokens, index)
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


def _by_first(patterns: Iterable[tuple[str, ...]]) -> Mapping[str, list[tuple[str, ...]]]:
    by_first: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for pattern in patterns:
        by_first[pattern[0]].append(pattern)
    return dict(by_first)


def _occurs(pattern: tuple[str, ...], text: str, tokens: list[Token], index: int) -> bool:
    found = tokens[index : index + len(pattern)]
    if len(found) < len(pattern) or any(token.text != piece for token, piece in zip(found, pattern, strict=True)):
        return False
    # Any whitespace but one space is a token to spaCy, and in no pattern.
    return all(text[found[at - 1].end : found[at].start] in {"", " "} for at in range(1, len(found)))


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
