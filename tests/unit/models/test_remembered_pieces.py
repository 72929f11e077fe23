"""Remembered pieces against the tokenizer itself, whatever a text holds."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer
from tokenizers.normalizers import BertNormalizer, Lowercase
from tokenizers.pre_tokenizers import BertPreTokenizer, Whitespace

from models.remembered_pieces import RememberedPieces, words_stand_alone
from models.transformer_tokenizer import encoding_of

TOKENIZER = Path(__file__).parents[2] / "data" / "checkpoints" / "bert_pair" / "tokenizer.json"
LIMIT = 24

ODD = ["[CLS]", "[mask]", "[SEP]x", "a [MASK]", "Straße", "日本語", "e\u0301", "\u0301", "\u00ad", "\u0085", "\xa0"]
ODDER = ["\x1c", "\t", "\r\n", "\0", "\ufffd", "\u200d", "🙂", "İ", "don't", "o'clock,", "x" * 40, "y" * 101, "  "]
words = st.sampled_from(["Parcel", "arrived", "late", "refund", "unbelievable", *ODD, *ODDER]) | st.text(max_size=8)
texts = st.lists(words, max_size=20).map(" ".join) | st.lists(words, max_size=6).map("".join) | st.text(max_size=30)


def tokenizer(**options: bool) -> Tokenizer:
    rust = Tokenizer.from_file(str(TOKENIZER))
    rust.normalizer = BertNormalizer(**options)
    rust.no_padding()
    rust.no_truncation()
    return rust


NAMES = ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
TOKENIZERS = [tokenizer(**dict(zip(NAMES, flags, strict=True))) for flags in product([True, False], repeat=len(NAMES))]
TOKENIZERS[0].add_tokens([AddedToken("refund", lstrip=True, rstrip=True, single_word=True, normalized=False)])
TOKENIZERS[1].add_special_tokens([AddedToken("[MASK]", lstrip=True), AddedToken("LATE", normalized=True)])
REMEMBERED = [RememberedPieces(rust, LIMIT) for rust in TOKENIZERS]
for cutting in TOKENIZERS:
    cutting.enable_truncation(LIMIT)


@pytest.mark.parametrize("pair_too", [False, True])
@given(text=texts, pair=texts, number=st.integers(0, len(TOKENIZERS) - 1))
@example(text="", pair="", number=0)
@example(text="late " * LIMIT, pair="late", number=0)
def test_pieces_are_those_of_the_tokenizer(pair_too: bool, text: str, pair: str, number: int) -> None:
    rust, second = TOKENIZERS[number], pair if pair_too else None
    encoding = encoding_of(rust, text, second)
    pieces = REMEMBERED[number].of(text, second)
    if pieces is None:
        assert len(encoding.ids) == LIMIT
        return
    assert (pieces.ids, pieces.type_ids, pieces.cut) == (encoding.ids, encoding.type_ids, bool(encoding.overflowing))


def test_a_word_is_asked_for_once() -> None:
    remembered = RememberedPieces(TOKENIZERS[0], LIMIT)
    for text in ("late parcel", "parcel late", "late", "a late parcel"):
        remembered.of(text)
    assert remembered._pieces_of.cache_info().misses == len({"late", "parcel", "a"})


def test_words_stand_alone_in_the_tokenizers_of_bert() -> None:
    assert all(map(words_stand_alone, TOKENIZERS))


def test_no_word_stands_alone_beside_an_added_token_of_several() -> None:
    rust = tokenizer()
    rust.add_tokens([AddedToken("very late", normalized=False)])
    assert not words_stand_alone(rust)


def test_no_word_stands_alone_beside_an_added_token_that_is_spread_out() -> None:
    rust = tokenizer()
    rust.add_tokens([AddedToken("日本", normalized=True)])
    assert not words_stand_alone(rust)


def test_other_kinds_of_tokenizers_are_left_alone() -> None:
    other = tokenizer()
    other.normalizer = Lowercase()
    another = tokenizer()
    another.pre_tokenizer = Whitespace()
    assert not words_stand_alone(other)
    assert not words_stand_alone(another)
    assert isinstance(tokenizer().pre_tokenizer, BertPreTokenizer)
