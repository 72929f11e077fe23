"""What holds for any text."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tokenization import (
    SPACY_2_1,
    SPACY_2_2,
    SPACY_2_3,
    SPACY_3_0,
    SPACY_3_3,
    Sentencizer,
    SpacyTokenizer,
    Tokenizer,
    bert_basic,
    rule_based_sentences,
    spacy_tokenizer,
    word_splitter,
)
from models.tokenization.chunks import ChunkTokenizer

from .cases import TEXTS, texts

RULES = [SPACY_2_1, SPACY_2_2, SPACY_2_3, SPACY_3_0, SPACY_3_3]
SPACY = {rules.version: spacy_tokenizer(rules) for rules in RULES}
LOSSLESS: dict[str, Tokenizer] = {
    **SPACY,
    "simple": word_splitter("simple"),
    "just_spaces": word_splitter("just_spaces"),
    "letters_digits": word_splitter("letters_digits"),
}

_FRAGMENTS = [
    *("a", "Dr.", "don't", "U.S.", "24", "-", "--", ".", "..", "(", ")", "[", "]", "'", '"', ":", ")", "://", "http"),
    *("www.a.com", "x@y.org", "$", "€", "km", "°C", "é", "日本", "😀", "/", "_", ",", " ", "  ", "\n", "\u00a0"),
]
_punctuated = st.lists(st.sampled_from(_FRAGMENTS)).map("".join)
any_text = st.text() | _punctuated


@pytest.mark.parametrize("name", LOSSLESS)
@given(text=any_text)
def test_tokens_are_the_text_without_its_whitespace(name: str, text: str) -> None:
    tokens = LOSSLESS[name](text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert all(before.end <= after.start for before, after in pairwise(tokens))
    assert "".join(texts(tokens)) == "".join(text.split())


@pytest.mark.parametrize("version", SPACY)
@given(text=any_text)
def test_with_whitespace_only_single_spaces_are_missing(version: str, text: str) -> None:
    tokens = SPACY[version].with_whitespace(text)
    assert [token for token in tokens if not token.text.isspace()] == SPACY[version](text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert all(text[before.end : after.start] in {"", " "} for before, after in pairwise(tokens))


@given(text=any_text)
def test_bert_tokens_point_at_their_source(text: str) -> None:
    tokens = bert_basic(text)
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)
    assert all(before.start <= after.start for before, after in pairwise(tokens))
    assert not any(piece.isspace() for token in tokens for piece in token.text)


@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_bert_lower_cases_ascii_and_nothing_else(text: str) -> None:
    assert all(text[token.start : token.end].lower() == token.text for token in bert_basic(text))


@given(text=any_text)
def test_sentences_cover_the_text(text: str) -> None:
    sentences = rule_based_sentences(text)
    assert all(text[sentence.start : sentence.end] == sentence.text for sentence in sentences)
    assert "".join("".join(texts(sentences)).split()) == "".join(text.split())


@given(text=any_text)
def test_what_is_remembered_changes_nothing(text: str) -> None:
    fresh = SpacyTokenizer(SPACY_2_1)
    assert fresh(text) == fresh(text) == SPACY["2.1"](text)


def test_threads_share_one_tokenizer() -> None:
    shared = SpacyTokenizer(SPACY_2_1)
    expected = [SPACY["2.1"](text) for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(lambda _: [shared(text) for text in TEXTS], range(16)):
            assert answers == expected


def test_what_is_remembered_is_bounded() -> None:
    shared = SpacyTokenizer(SPACY_2_1)
    for number in range(20_000):
        shared(f"w{number}")
    shared("x" * 33)
    assert isinstance(shared, ChunkTokenizer)
    information = shared._remembered.cache_info()
    assert information.currsize == information.maxsize < 20_000
    assert information.misses == 20_000


_HALF = 100_000
HOSTILE = {
    "word": "a" * 2 * _HALF,
    "brackets": "(" * 2 * _HALF,
    "addresses": "http://a." * _HALF,
    "full stops": "." * 2 * _HALF,
    "hyphens": "-" * 2 * _HALF,
    "stripped to a word": "_" * _HALF + "a",
    "long word, many suffixes": "a" * _HALF + "_" * _HALF,
    "many hosts, many suffixes": "a." * _HALF + "。" * _HALF,
    "users": "a@" * _HALF,
    "colons and users": "_" * _HALF + "a:" * _HALF + "@",
    "runs of full stops": "a" * _HALF + "..)" * _HALF,
    "special cases": ":)" * _HALF,
    "numbers": "1." * _HALF,
    "marks": "a" + "\u0301" * _HALF,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("tokenize", [*SPACY.values(), bert_basic, word_splitter("simple"), Sentencizer(SPACY_3_0)])
def test_time_is_linear(name: str, tokenize: Tokenizer) -> None:
    """Quadratic time would be hours for these; the bound leaves room for a slow machine."""
    start = perf_counter()
    tokenize(HOSTILE[name])
    assert perf_counter() - start < 20
