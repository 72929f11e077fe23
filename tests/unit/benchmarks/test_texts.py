from __future__ import annotations

from pathlib import Path
from statistics import mean, median

from benchmarks.texts import pairs, records, texts
from benchmarks.word_pieces import PIECES, word_piece_tokenizer


def test_texts_are_5_to_60_word_pieces_and_mostly_short(tmp_path: Path) -> None:
    tokenizer = word_piece_tokenizer(tmp_path)
    assert len(tokenizer) == PIECES
    lengths = [len(ids) for ids in tokenizer([str(text) for text in texts()]).input_ids]
    assert min(lengths) >= 5
    assert max(lengths) <= 60
    assert 20 < mean(lengths) < 24
    assert median(lengths) < mean(lengths)


def test_workloads_are_the_same_every_time() -> None:
    for workload in (texts, records, pairs):
        assert workload() == workload()
        assert len(workload()) == 512
