"""Where every character of a text that a classifier reads comes from in what the caller sent.

Readers join, clean and cut what they are given. `Traced` strings go the same way and remember, for each character, its
place in the caller's own values. They are only made when something is explained: predicting does not pay for them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, NamedTuple, overload


class Origin(NamedTuple):
    """Characters `start` to `end` of the value at `field`: the name of an input with the keys that lead to it."""

    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Verbatim(Sequence[Origin | None]):
    """The characters of a value as it was sent, each its own origin: those of `places`."""

    field: str
    places: range

    @overload
    def __getitem__(self, index: int) -> Origin: ...

    @overload
    def __getitem__(self, index: slice) -> Verbatim: ...

    def __getitem__(self, index: int | slice) -> Origin | Verbatim:
        if isinstance(index, slice):
            return Verbatim(self.field, self.places[index])
        return Origin(self.field, self.places[index], self.places[index] + 1)

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True, slots=True)
class Traced:
    """A text with the origin of each character; None for what was put between values."""

    text: str
    origins: Sequence[Origin | None]

    @classmethod
    def of(cls, text: str, field: str) -> Traced:
        return cls(text, Verbatim(field, range(len(text))))

    def slice(self, start: int, end: int | None) -> Traced:
        return Traced(self.text[start:end], self.origins[start:end])

    def span(self, start: int, end: int) -> Origin | None:
        """The smallest stretch of one value that characters `start` to `end` come from."""
        if isinstance(self.origins, Verbatim):
            places = self.origins.places[start:end]
            return Origin(self.origins.field, places.start, places.stop) if places else None
        known = [origin for origin in self.origins[start:end] if origin]
        if not known:
            return None
        same = [origin for origin in known if origin.field == known[0].field]
        return Origin(known[0].field, min(one.start for one in same), max(one.end for one in same))

    def through(self, change: Callable[[str], str]) -> Traced:
        """What `change` makes of the text. Characters that cannot be told apart share the stretch they come from."""
        after = change(self.text)
        if after == self.text:
            return self
        for units in (_characters(self.text), _markup(self.text)):
            if (spans := _follow(after, units)) is not None:
                return Traced(after, [self.span(*span) for span in spans])
        return Traced(after, [self.span(*span) for span in _enclosing(self.text, after)])


def joined(parts: Sequence[Traced], separator: str = " ") -> Traced:
    text = separator.join(part.text for part in parts)
    origins: list[Origin | None] = []
    for index, part in enumerate(parts):
        origins += [None] * len(separator) if index else []
        origins += part.origins
    return Traced(text, origins)


def traced_value(value: Any, field: str) -> Traced:
    """A value of any JSON type as one string: those inside it joined by spaces."""
    if isinstance(value, str):
        return Traced.of(value, field)
    if isinstance(value, Mapping | Iterable):
        return joined(traced_values(value, field))
    return Traced.of(str(value), field)


def traced_values(value: Any, field: str) -> list[Traced]:
    """A text, or each value of an object or a list, as one string."""
    if isinstance(value, str):
        return [Traced.of(value, field)]
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    return [traced_value(child, f"{field}.{key}") for key, child in pairs]


Unit = tuple[str, int, int]
"""What a stretch of the text before becomes, and where the stretch begins and ends."""


def _characters(text: str) -> list[Unit]:
    return [(character, index, index + 1) for index, character in enumerate(text)]


_MARKUP = re.compile(r"<!--.*?-->|<[/!?a-zA-Z][^>]*>|&#?\w+;?|.", re.DOTALL)


def _markup(text: str) -> list[Unit]:
    """Tags become nothing (a line break a new line), entities their character."""
    units: list[Unit] = []
    for match in _MARKUP.finditer(text):
        source, start, end = match.group(), match.start(), match.end()
        if source.startswith("<") and len(source) > 1:
            units.append(("\n" if source == "<br>" else "", start, end))
        else:
            becomes = html.unescape(source).replace("\xa0", " ")
            if becomes == source:
                units += [(one, start + index, start + index + 1) for index, one in enumerate(source)]
            else:
                units += [(one, start, end) for one in becomes]
    return units


def _follow(after: str, units: Sequence[Unit]) -> list[tuple[int, int]] | None:
    """The stretch of each character, where `after` is the units with nothing but white space left out."""
    spans: list[tuple[int, int]] = []
    index = 0
    for character in after:
        while index < len(units) and units[index][0] != character:
            if units[index][0] and not units[index][0].isspace():
                return None
            index += 1
        if index == len(units):
            return None
        spans.append(units[index][1:])
        index += 1
    return spans


def _enclosing(before: str, after: str) -> list[tuple[int, int]]:
    """The stretch of each character: its own where a long match shows it, else all that lies between two matches."""
    if len(before) > LONGEST_COMPARED:
        return [(0, len(before))] * len(after)
    spans: list[tuple[int, int]] = []
    last = 0
    for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks():
        spans += [(last, max(block.a, last + 1))] * (block.b - len(spans))
        spans += [(block.a + index, block.a + index + 1) for index in range(block.size)]
        last = block.a + block.size
    return spans


LONGEST_COMPARED = 4_000
"""Comparing takes time in the square of the length."""
