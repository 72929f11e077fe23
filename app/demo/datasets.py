"""Reads the data sets that `generate.py` wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

DATA = Path(__file__).with_name("data")


def dataset_names() -> list[str]:
    return sorted(path.name.removesuffix(".jsonl") for path in DATA.glob("*.jsonl"))


def load_rows(name: str, split: Literal["train", "validation"] | None = None) -> list[dict[str, Any]]:
    """Rows of one split, or of both. Every row has `split` and `label`; the rest are the inputs.

    Raises FileNotFoundError for a name that `dataset_names` does not list.
    """
    return [row for row in _rows(DATA / f"{name}.jsonl") if split in {None, row["split"]}]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
