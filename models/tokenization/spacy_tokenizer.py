"""spaCy's tokenizer (spacy/tokenizer.pyx), for any version's rules.

A text is chunks separated by whitespace. Of each chunk, prefixes and suffixes are stripped until none is
left or the rest is a special case; the rest is split at its infixes, unless it is a special case or a URL.

Time is linear in the length of a text, whatever it holds: chunks are walked by offsets and each rule looks at
a bounded number of characters (`urls` says how that is done for URLs).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from .chunks import ChunkTokenizer, Pieces
from .spacy_rules import SpacyRules
from .special_spans import SpecialSpans
from .token import Token


class SpacyTokenizer(ChunkTokenizer):
    """Tokens of a text by the rules of one spaCy version, without whitespace tokens. Safe from any thread."""

    def __init__(self, rules: SpacyRules) -> None:
        super().__init__()
        self.rules = rules
        self._longest_special_case = max(map(len, rules.special_cases), default=0)
        self._special_spans = _special_spans(rules) if rules.rejoins_special_cases else None

    def __call__(self, text: str) -> list[Token]:
        tokens = super().__call__(text)
        return self._special_spans.rejoin(text, tokens) if self._special_spans else tokens

    def with_whitespace(self, text: str) -> list[Token]:
        """All tokens of the original: runs of whitespace too, less the one space that may follow a token."""
        tokens: list[Token] = []
        end = 0
        for token in [*self(text), Token("", len(text), len(text))]:
            start = end + 1 if tokens and text.startswith(" ", end) else end
            if start < token.start:
                tokens.append(Token(text[start : token.start], start, token.start))
            if token.text:
                tokens.append(token)
            end = token.end
        return tokens

    def __repr__(self) -> str:
        return f"SpacyTokenizer({self.rules.version})"

    def _split(self, chunk: str) -> Pieces:
        return tuple(Token(chunk[first:last], first, last) for first, last in self._spans(chunk))

    def _spans(self, chunk: str) -> Iterator[tuple[int, int]]:
        prefix_ends, suffix_starts = self._affixes(chunk)
        begin, end = prefix_ends[-1], suffix_starts[-1]
        yield from pairwise(prefix_ends)
        if begin < end:
            yield from self._inner(chunk, begin, end)
        yield from pairwise(reversed(suffix_starts))

    def _affixes(self, chunk: str) -> tuple[list[int], list[int]]:
        """Where each prefix ends and each suffix starts, from the outside in, the ends of the chunk first."""
        begin, end = 0, len(chunk)
        prefix_ends, suffix_starts = [begin], [end]
        is_url = self.rules.url(chunk)
        while begin < end and not self._is_special(chunk, begin, end):
            if self.rules.url_keeps_affixes and is_url(begin, end):
                break
            after_prefix = self._prefix_end(chunk, begin, end)
            if after_prefix > begin and self._is_special(chunk, after_prefix, end):
                prefix_ends.append(after_prefix)
                break
            before_suffix = self._suffix_start(chunk, begin if self.rules.suffix_sees_prefix else after_prefix, end)
            if before_suffix < end and self._is_special(chunk, begin, before_suffix):
                suffix_starts.append(before_suffix)
                break
            if after_prefix == begin and before_suffix == end:
                break
            if after_prefix > begin:
                prefix_ends.append(after_prefix)
            # Where the two overlap, the prefix wins.
            if before_suffix < end and (after_prefix == begin or after_prefix <= before_suffix):
                suffix_starts.append(before_suffix)
            begin, end = prefix_ends[-1], suffix_starts[-1]
        return prefix_ends, suffix_starts

    def _is_special(self, chunk: str, begin: int, end: int) -> bool:
        return end - begin <= self._longest_special_case and chunk[begin:end] in self.rules.special_cases

    def _prefix_end(self, chunk: str, begin: int, end: int) -> int:
        match = self.rules.prefix.match(chunk, begin, end)
        return match.end() if match else begin

    def _suffix_start(self, chunk: str, begin: int, end: int) -> int:
        if begin == end:
            return end
        if end - begin >= 2 and chunk[end - 1] == "." == chunk[end - 2]:
            return _run_start(chunk, begin, end)
        window_start = max(begin, end - self.rules.suffix_window)
        # A slice: what has been stripped in front must be out of the look-behinds' sight.
        match = self.rules.suffix.search(chunk[window_start:end])
        return window_start + match.start() if match else end

    def _inner(self, chunk: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
        rest = chunk[begin:end]
        if special := self.rules.special_cases.get(rest):
            lengths = list(map(len, special))
        elif self.rules.url(chunk)(begin, end):
            lengths = [len(rest)]
        else:
            lengths = self._infix_lengths(rest)
        for length in lengths:
            yield begin, begin + length
            begin += length

    def _infix_lengths(self, rest: str) -> list[int]:
        # An infix at the very beginning is none; it stays with what follows.
        bounds = [0]
        for match in self.rules.infix.finditer(rest):
            if match.start() > 0:
                bounds += [match.start(), match.end()]
        bounds.append(len(rest))
        return [last - first for first, last in pairwise(bounds) if last > first]


def _run_start(chunk: str, begin: int, end: int) -> int:
    """Where the run of one character that ends at `end` starts, not before `begin`."""
    start = end - 1
    while start > begin and chunk[start - 1] == chunk[end - 1]:
        start -= 1
    return start


def _special_spans(rules: SpacyRules) -> SpecialSpans:
    split = SpacyTokenizer(replace(rules, special_cases={}, rejoins_special_cases=False))
    split_up = (tuple(token.text for token in split(chunk)) for chunk in rules.special_cases)
    return SpecialSpans(rules.special_cases, (pieces for pieces in split_up if len(pieces) > 1))
