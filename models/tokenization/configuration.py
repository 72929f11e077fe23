"""The tokenizer that an archive's configuration names.

Source: the registered names and constructor parameters of AllenNLP 0.9.0 (allennlp/data/tokenizers/
word_tokenizer.py, word_splitter.py, word_filter.py, word_stemmer.py) and of 1.x and 2.x (spacy_tokenizer.py and
its neighbours). Options that only add tags, a parse or entities to tokens are accepted: no classifier reads those.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cache, partial
from typing import Any, Literal

from .bert import NEVER_SPLIT, BertBasicTokenizer
from .character_tokenizer import CharacterTokenizer
from .spacy_rules import SPACY_2_1, SPACY_2_3, SPACY_3_3, SpacyRules
from .spacy_tokenizer import SpacyTokenizer
from .splitters import JustSpacesWordSplitter, SimpleWordSplitter, letters_digits, split_on_spaces
from .token import Token, Tokenizer, added

Config = str | Mapping[str, Any]
Era = Literal["0.9", "1.x", "2.x"]
"""The AllenNLP whose names a configuration uses. It also says which spaCy "spacy" stands for."""

_SPACY: Mapping[Era, SpacyRules] = {"0.9": SPACY_2_1, "1.x": SPACY_2_3, "2.x": SPACY_3_3}

_TAGGING = ("pos_tags", "parse", "ner", "keep_spacy_tokens")


@cache
def spacy_tokenizer(rules: SpacyRules) -> SpacyTokenizer:
    """The one tokenizer of these rules, so that all classifiers share what it remembers."""
    return SpacyTokenizer(rules)


def word_splitter(name_or_config: Config) -> Tokenizer:
    """A word splitter of AllenNLP 0.9. Raises ValueError for what is unknown, listing what is known."""
    name, options = _named(name_or_config, default="spacy")
    match name:
        case "spacy":
            return _spacy(options, SPACY_2_1)
        case "simple":
            return _plain(SimpleWordSplitter(), "simple", options)
        case "just_spaces":
            return _plain(JustSpacesWordSplitter(), "just_spaces", options)
        case "letters_digits":
            return _plain(letters_digits, "letters_digits", options)
        case "bert-basic":
            _check_options("bert-basic", options, "do_lower_case", "never_split")
            never_split = options.get("never_split")
            return BertBasicTokenizer(
                do_lower_case=options.get("do_lower_case", True),
                never_split=NEVER_SPLIT if never_split is None else never_split,
            )
    raise _unknown("word splitter", name, "spacy, simple, just_spaces, letters_digits, bert-basic")


def tokenizer(config: Config | None = None, era: Era = "0.9") -> Tokenizer:
    """A tokenizer of AllenNLP. Raises ValueError for what is unknown, listing what is known."""
    name, options = _named(config or {}, default="word" if era == "0.9" else "spacy")
    words = {key: value for key, value in options.items() if key not in {"start_tokens", "end_tokens"}}
    match name:
        case "word" if era == "0.9":
            return _between(_words(words), options)
        case "character":
            _check_options("character", words, "byte_encoding", "lowercase_characters")
            return _between(CharacterTokenizer(**words), options)
        case "spacy" if era != "0.9":
            return _between(_spacy(words, _SPACY[era]), options)
        case "just_spaces" | "whitespace" if era != "0.9":
            return _plain(JustSpacesWordSplitter(), name, options)
        case "letters_digits" if era != "0.9":
            return _plain(letters_digits, name, options)
    known = "word, character" if era == "0.9" else "spacy, just_spaces, whitespace, letters_digits, character"
    raise _unknown(f"tokenizer of AllenNLP {era}", name, known)


def _words(options: Mapping[str, Any]) -> Tokenizer:
    _check_options("word", options, "word_splitter", "word_filter", "word_stemmer", "start_tokens", "end_tokens")
    stemmer, stemmer_options = _named(options.get("word_stemmer") or {}, default="pass_through")
    if stemmer != "pass_through":
        raise _unknown("word stemmer", stemmer, "pass_through")
    _check_options("pass_through", stemmer_options)
    return _filtered(word_splitter(options.get("word_splitter") or {}), options.get("word_filter") or {})


def _filtered(split: Tokenizer, config: Config) -> Tokenizer:
    name, options = _named(config, default="pass_through")
    if name == "pass_through":
        return _plain(split, "pass_through", options)
    if name != "stopwords":
        raise _unknown("word filter", name, "pass_through, stopwords")
    _check_options("stopwords", options, "tokens_to_add")
    # Late: importing spaCy takes a second, and hardly an archive drops stop words. The list is that of 2.1.9.
    from spacy.lang.en.stop_words import STOP_WORDS  # noqa: PLC0415

    dropped = STOP_WORDS | {word.lower() for word in options.get("tokens_to_add") or ()}
    return partial(_without, dropped, split)


def _without(dropped: Set[str], split: Tokenizer, text: str) -> list[Token]:
    return [token for token in split(text) if token.text.lower() not in dropped]


def _spacy(options: Mapping[str, Any], rules: SpacyRules) -> Tokenizer:
    _check_options("spacy", options, "language", "split_on_spaces", *_TAGGING)
    language = options.get("language") or "en"
    if language.split("_")[0] != "en":
        raise _unknown("language", language, "en and the models of English (en_core_web_sm, ...)")
    return split_on_spaces if options.get("split_on_spaces") else spacy_tokenizer(rules)


def _between(words: Tokenizer, options: Mapping[str, Any]) -> Tokenizer:
    start: list[Token] = added([str(token) for token in options.get("start_tokens") or ()])
    end: list[Token] = added([str(token) for token in options.get("end_tokens") or ()])
    if not start and not end:
        return words
    return partial(_enclosed, start, words, end)


def _enclosed(start: list[Token], words: Tokenizer, end: list[Token], text: str) -> list[Token]:
    return [*start, *words(text), *end]


def _plain(split: Tokenizer, name: str, options: Mapping[str, Any]) -> Tokenizer:
    _check_options(name, options)
    return split


def _named(config: Config, default: str) -> tuple[str, dict[str, Any]]:
    if isinstance(config, str):
        return config, {}
    options = dict(config)
    return options.pop("type", None) or default, options


def _check_options(name: str, options: Mapping[str, Any], *known: str) -> None:
    if unknown := sorted(set(options) - set(known)):
        raise ValueError(f"{name} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}")


def _unknown(kind: str, name: str, known: str) -> ValueError:
    return ValueError(f"{kind} {name!r} is not implemented; these are: {known}")
