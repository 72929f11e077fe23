"""What every data set is made of: rows with a split, drawn so that no text is in both splits."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from typing import Any, Literal

Split = Literal["train", "validation"]
Row = dict[str, Any]
SPLITS: tuple[Split, Split] = ("train", "validation")


def words(text: str) -> list[str]:
    """A comma-separated list, over as many lines as it likes."""
    return [" ".join(word.split()) for word in text.split(",") if word.strip()]


def held_out(values: Iterable[str], one_in: int) -> dict[Split, list[str]]:
    """Every `one_in`-th value is kept for validation, so that a classifier meets words it has never seen."""
    everything = list(values)
    reserved = everything[one_in - 1 :: one_in]
    return {"train": [value for value in everything if value not in reserved], "validation": everything}


def surface(value: Any) -> str:
    """A row's text as compared between splits: case, spacing and punctuation do not make it another text."""
    return "".join(char for char in json.dumps(value, ensure_ascii=False).lower() if char.isalnum())


def draw_distinct(
    counts: dict[Split, int], draw: Callable[[Split], Row], key: Callable[[Row], Any], seen: set[str] | None = None
) -> list[Row]:
    """Draws rows until each split has its count. No two rows have the same surface, in whichever split.

    Validation is drawn first: its texts are then the ones that training may not repeat.
    """
    seen = set() if seen is None else seen
    rows: list[Row] = []
    for split in reversed(SPLITS):
        missing = counts[split]
        while missing:
            row = draw(split)
            text = surface(key(row))
            if text in seen:
                continue
            seen.add(text)
            rows.append({**row, "split": split})
            missing -= 1
    return rows


def generator(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  (invented data, not secrets)
