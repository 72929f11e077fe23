"""What a picture of an explanation shows: which text in which row, and how strongly it is coloured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

PAIRS = (("record1", "record2"), ("text", "text_pair"))
"""Inputs that are drawn side by side."""
ADDED = "(added by the model)"
TOO_SMALL = 0.001
"""The share under which a number tells nothing."""
BLANK = "\N{OPEN BOX}"
"""For a token of nothing but spaces."""
JOINTS = ("##", "\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}", "\N{LOWER ONE EIGHTH BLOCK}")
"""What tokenizers put before a word piece to say whether it begins a word."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of text. `share` is its part of the picture's largest attribution, from 0 to 1."""

    text: str
    value: float
    share: float
    spaced: bool = False
    """Whether a space goes before it."""
    added: bool = False
    """Whether it is the model's own, not the caller's."""

    @property
    def side(self) -> Literal["for", "against", "neither"]:
        if not self.value:
            return "neither"
        return "for" if self.value > 0 else "against"

    @property
    def number(self) -> str:
        if self.share < TOO_SMALL:
            return "\N{ALMOST EQUAL TO}0" if self.value else "0"
        return f"{self.value:+.2g}".replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True, slots=True)
class Cell:
    """A data field: its name and what it holds."""

    name: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Picture:
    """`rows` hold as many cells as there are `columns`, and one where there are none."""

    title: str
    how: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Cell | None]] = ()
    bars: bool = False
    """Whether each cell has one attribution, to be drawn as a bar."""
    notes: Sequence[str] = ()


def picture(answer: Mapping[str, Any]) -> Picture:
    """Of an answer as `vitrine explain` writes it."""
    number = answer["instance"] + 1
    if "error" in answer:
        return Picture(f"{number}. no explanation", notes=(answer["error"],))
    parts = answer["attributions"]
    most = max((abs(part["attribution"]) for part in parts), default=0.0) or 1.0
    fields = {field: _marks(field, own, most) for field, own in _by_field(parts).items()}
    by_position = answer["method"] == "biome"
    columns = next((pair for pair in PAIRS if {_root(field) for field in fields} == set(pair)), ())
    return Picture(
        title=f"{number}. {answer['target']}",
        how=f"{answer['score']:.3f} \N{MIDDLE DOT} {answer['method']}",
        columns=columns,
        rows=_side_by_side(fields, columns, by_position=by_position) if columns else _one_below_the_other(fields),
        bars=len(fields) > 1 and all(len(marks) == 1 for marks in fields.values()),
        notes=tuple(answer["warnings"]),
    )


def _by_field(parts: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Parts by data field, in order. The tokens of a field's key are read right before it, and stay with it."""
    homes: list[str] = []
    home = ""
    for part in reversed(parts):
        is_key = part["start"] is None and part["text"] and home.startswith(f"{part['field']}.")
        home = home if is_key else part["field"]
        homes.append(home)
    fields: dict[str, list[Mapping[str, Any]]] = {}
    for part, field in zip(parts, reversed(homes), strict=True):
        fields.setdefault(field, []).append(part)
    return fields


def _marks(field: str, parts: Sequence[Mapping[str, Any]], most: float) -> list[Mark]:
    """Spaces where the caller's text has any; no key where it stands for its field's text too."""
    marks: list[Mark] = []
    end: int | None = None
    for part in parts:
        start, value = part["start"], part["attribution"]
        spaced = bool(marks) and (end is None or start is None or start > end)
        text = _shown(part).removeprefix(f"{_key(field)} ") or ADDED
        marks.append(Mark(text, value, abs(value) / most, spaced, added=start is None))
        end = part["end"]
    return marks


def _shown(part: Mapping[str, Any]) -> str:
    text: str = part["text"]
    is_callers_own = part["start"] is not None and len(text) == part["end"] - part["start"]
    for joint in () if is_callers_own else JOINTS:
        text = text.removeprefix(joint) or text
    return " ".join(text.split()) or BLANK * bool(text)


def _one_below_the_other(fields: Mapping[str, Sequence[Mark]]) -> list[list[Cell | None]]:
    return [[Cell(field, marks)] for field, marks in fields.items()]


def _side_by_side(
    fields: Mapping[str, Sequence[Mark]], columns: Sequence[str], *, by_position: bool
) -> list[Sequence[Cell | None]]:
    """A row for each key. Where fields were compared `by_position`, a row for each position."""
    sides = [[Cell(_key(field), marks) for field, marks in fields.items() if _root(field) == root] for root in columns]
    if by_position:
        return list(zip_longest(*sides))
    keys = dict.fromkeys(cell.name for side in sides for cell in side)
    named = [{cell.name: cell for cell in side} for side in sides]
    return [[side.get(key) for side in named] for key in keys]


def _root(field: str) -> str:
    return field.partition(".")[0]


def _key(field: str) -> str:
    return field.partition(".")[2]
