"""Every splitter against the tokens of the original."""

import pytest

from models.tokenization import WordPiece, bert_basic, rule_based_sentences, word_splitter

from .cases import CASES, texts

SPLITTERS = {
    "spacy": word_splitter("spacy"),
    "simple": word_splitter("simple"),
    "just_spaces": word_splitter("just_spaces"),
    "letters_digits": word_splitter("letters_digits"),
    "bert-basic": word_splitter("bert-basic"),
    "bert-basic do_lower_case=false": word_splitter({"type": "bert-basic", "do_lower_case": False}),
    "rule_based sentences": rule_based_sentences,
}


def test_there_are_hundreds_of_cases() -> None:
    assert len(CASES) > 200
    assert all(set(SPLITTERS) <= set(case) for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case["text"][:40]))
@pytest.mark.parametrize("name", SPLITTERS)
def test_tokens_are_those_of_the_original(name: str, case: dict[str, list[str]]) -> None:
    assert texts(SPLITTERS[name](str(case["text"]))) == case[name]


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case["text"][:40]))
def test_word_pieces_are_those_of_the_original(case: dict[str, list[str]]) -> None:
    expected = case["wordpieces of bert-basic (bert_tiny_dev_a)"]
    tokens = texts(bert_basic(str(case["text"])))
    # The vocabulary of the original is not needed: any piece the cases show is in it, and [UNK] tells what is not.
    word_piece = WordPiece({piece: index for index, piece in enumerate(_PIECES)})
    assert [piece for token in tokens for piece in word_piece.tokenize(token)] == expected


_PIECES = sorted({piece for case in CASES for piece in case["wordpieces of bert-basic (bert_tiny_dev_a)"]})
