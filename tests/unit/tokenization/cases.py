"""Strings with the tokens that the original splitters gave (`tests/data/tokenizers.cases.json`).

Written by AllenNLP 0.9.0, spaCy 2.1.9 with affix rules of 2.1.0, and pytorch_pretrained_bert 0.6.2.
"""

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "data"
CASES: list[dict[str, Any]] = json.loads((DATA / "tokenizers.cases.json").read_text(encoding="utf-8"))["cases"]
TEXTS: list[str] = [case["text"] for case in CASES]


def texts(tokens: list[Any]) -> list[str]:
    return [token.text for token in tokens]
