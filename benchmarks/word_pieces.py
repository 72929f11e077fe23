"""A WordPiece tokenizer of realistic size, learned from the demo's rows and filled up with made-up words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tokenizers import BertWordPieceTokenizer
from transformers import BertTokenizerFast

from app.demo.datasets import dataset_names, load_rows

PIECES = 20_000
LONGEST = 512
SYLLABLES = [consonant + vowel for consonant in "bdfghklmnprstvz" for vowel in "aeiou"]


def word_piece_tokenizer(folder: Path) -> BertTokenizerFast:
    """Written into `folder` as `vocab.txt`, `tokenizer.json` and its configuration."""
    learner = BertWordPieceTokenizer()
    learner.train_from_iterator(_strings(), vocab_size=PIECES, min_frequency=2, show_progress=False)
    pieces = sorted(learner.get_vocab(), key=learner.get_vocab().__getitem__)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join([*pieces, *_made_up(PIECES - len(pieces), set(pieces))]), encoding="utf-8")
    tokenizer = BertTokenizerFast(str(vocabulary), model_max_length=LONGEST)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _strings() -> Iterator[str]:
    for name in dataset_names():
        for row in load_rows(name):
            yield from _values(row)


def _values(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for child in node.values():
            yield from _values(child)


def _made_up(count: int, taken: set[str]) -> list[str]:
    rng = random.Random(count)
    words: dict[str, None] = {}
    while len(words) < count:
        word = "".join(rng.choices(SYLLABLES, k=rng.randint(2, 4)))
        if word not in taken:
            words[word] = None
    return list(words)
