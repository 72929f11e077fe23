"""Writes the data sets of `app/demo/data`: `python -m app.demo.generate`. The same seed gives the same files."""

from __future__ import annotations

import json
from pathlib import Path

from app.demo.corpora.business_names import business_names
from app.demo.corpora.duplicate_records import duplicate_records
from app.demo.corpora.product_records import product_prices, product_records
from app.demo.corpora.rows import Row
from app.demo.corpora.support_messages import support_messages
from app.demo.datasets import DATA

SEED = 13


def generate(seed: int = SEED) -> dict[str, list[Row]]:
    """Data set name -> rows."""
    corpora = (business_names, support_messages, product_records, product_prices, duplicate_records)
    return {name: rows for corpus in corpora for name, rows in corpus(seed).items()}


def as_jsonl(rows: list[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)


def write(folder: Path = DATA) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in generate().items():
        (folder / f"{name}.jsonl").write_text(as_jsonl(rows), encoding="utf-8")


if __name__ == "__main__":
    write()
