"""The workloads: texts of 5 to 60 word pieces, mostly short, records and pairs of records, from the demo's rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from app.demo.datasets import load_rows

COUNT = 512
SEED = 22
MEDIAN_WORDS, SPREAD = 15, 0.55
"""Of a log-normal distribution; with punctuation and special tokens that is a mean of 22 word pieces."""
LEAST_WORDS, MOST_WORDS = 3, 36

Instance = str | dict[str, Any]


def texts(count: int = COUNT, seed: int = SEED) -> list[Instance]:
    """What customers write, run together or cut short to the length drawn."""
    rng = random.Random(seed)
    messages = [row["text"] for row in load_rows("support_messages")]
    return [_text(rng, messages) for _ in range(count)]


def _text(rng: random.Random, messages: Sequence[str]) -> str:
    wanted = min(MOST_WORDS, max(LEAST_WORDS, round(MEDIAN_WORDS * rng.lognormvariate(0, SPREAD))))
    words: list[str] = []
    while len(words) < wanted:
        words += rng.choice(messages).split()
    return " ".join(words[:wanted])


def records(count: int = COUNT, seed: int = SEED) -> list[Instance]:
    """Product records."""
    rows = random.Random(seed).sample(load_rows("product_records"), count)
    return [filled(row["record"]) for row in rows]


def pairs(count: int = COUNT, seed: int = SEED) -> list[Instance]:
    """Business records that may be of one business."""
    rows = random.Random(seed).sample(load_rows("duplicate_records"), count)
    return [{side: filled(row[side]) for side in ("record1", "record2")} for row in rows]


def filled(record: dict[str, str]) -> dict[str, Any]:
    """biome.text 3 refuses an empty field."""
    return {name: value or "none" for name, value in record.items()}


WORKLOADS: dict[str, Callable[[], list[Instance]]] = {"texts": texts, "records": records, "pairs": pairs}
