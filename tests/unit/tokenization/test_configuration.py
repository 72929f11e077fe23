"""Which tokenizer a configuration names, and what is refused."""

from typing import Any

import pytest

from models.errors import InvalidInstance
from models.tokenization import NO_TEXT, Token, byte_ids, tokenizer, word_splitter

from .cases import TEXTS, texts

TEXT = "The 24-hour desk isn't nice:)"


def test_the_default_is_the_word_tokenizer_over_spacy() -> None:
    expected = word_splitter("spacy")
    for config in (
        None,
        {},
        "word",
        {"type": "word"},
        {"word_splitter": {"type": "spacy"}},
        {"word_splitter": "spacy"},
    ):
        assert all(tokenizer(config)(text) == expected(text) for text in TEXTS)


def test_spacy_stands_for_the_spacy_of_its_era() -> None:
    assert texts(tokenizer({"word_splitter": "spacy"})(TEXT))[1:2] == ["24-hour"]
    assert texts(tokenizer("spacy", era="2.x")(TEXT))[1:4] == ["24", "-", "hour"]


@pytest.mark.parametrize(
    "options",
    [{"pos_tags": True}, {"parse": True, "ner": True}, {"language": "en_core_web_md"}, {"keep_spacy_tokens": True}],
)
def test_options_that_change_no_token_are_accepted(options: dict[str, Any]) -> None:
    assert word_splitter({"type": "spacy", **options})(TEXT) == word_splitter("spacy")(TEXT)


def test_added_tokens_stand_for_no_text() -> None:
    tokens = tokenizer({"start_tokens": ["@a@", "@b@"], "end_tokens": ["@c@", "@d@"], "word_splitter": "just_spaces"})(
        "x"
    )
    assert texts(tokens) == ["@a@", "@b@", "x", "@c@", "@d@"]
    assert {(token.start, token.end) for token in tokens if token.text != "x"} == {(NO_TEXT, NO_TEXT)}
    assert texts(tokenizer({"type": "spacy", "start_tokens": ["<s>"]}, era="2.x")("a b")) == ["<s>", "a", "b"]


def test_stop_words_are_filtered() -> None:
    config = {"word_filter": {"type": "stopwords", "tokens_to_add": ["Desk"]}, "word_splitter": "just_spaces"}
    assert texts(tokenizer(config)("The desk is GREAT in their hall")) == ["GREAT", "hall"]


def test_characters() -> None:
    assert tokenizer("character")("aé") == [Token("a", 0, 1), Token("é", 1, 2)]
    lowered = tokenizer({"type": "character", "lowercase_characters": True})("İΣ")
    assert texts(lowered) == list("İΣ".lower())
    assert [token.start for token in lowered] == [0, 0, 1]
    as_bytes = tokenizer({"type": "character", "byte_encoding": "utf-8", "start_tokens": [259]})("aé")
    assert texts(as_bytes) == ["259", *map(str, byte_ids("aé", "utf-8"))] == ["259", "98", "196", "170"]


def test_split_on_spaces_takes_single_spaces_only() -> None:
    split = word_splitter({"type": "spacy", "split_on_spaces": True})
    assert split("don't \n stop") == [Token("don't", 0, 5), Token("stop", 8, 12)]
    with pytest.raises(InvalidInstance, match="exactly one space"):
        split("a  b")


@pytest.mark.parametrize(
    ("config", "era", "listed"),
    [
        ("wrod", "0.9", "word, character"),
        ("word", "2.x", "spacy, just_spaces"),
        ({"word_splitter": "openai"}, "0.9", "letters_digits, bert-basic"),
        ({"word_splitter": {"type": "spacy", "langauge": "en"}}, "0.9", "language, split_on_spaces"),
        ({"word_splitter": {"type": "spacy", "language": "de_core_news_sm"}}, "0.9", "en_core_web_sm"),
        ({"word_splitter": {"type": "simple", "lower": True}}, "0.9", "none"),
        ({"word_stemmer": "porter"}, "0.9", "pass_through"),
        ({"word_filter": {"type": "regex", "patterns": ["a"]}}, "0.9", "stopwords"),
        ({"word_filter": {"type": "stopwords", "stopword_file": "f"}}, "0.9", "tokens_to_add"),
        ({"type": "character", "byte_encoding": "utf-16"}, "0.9", "utf-8"),
        ({"type": "character", "byte_encoding": "no-such"}, "2.x", "utf-8"),
        ({"type": "pretrained_transformer", "model_name": "bert"}, "2.x", "letters_digits"),
    ],
)
def test_what_is_unknown_is_refused_with_what_is_known(config: Any, era: Any, listed: str) -> None:
    with pytest.raises(ValueError, match=listed):
        tokenizer(config, era)
