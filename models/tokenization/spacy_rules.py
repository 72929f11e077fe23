"""What spaCy's English tokenizer splits off, version by version, as data for `SpacyTokenizer`.

Source: spacy/lang/punctuation.py, spacy/lang/en/punctuation.py and spacy/tokenizer.pyx of each version.
`SPACY_2_1` is what a model package of 2.1.0 brings (its affix rules are in the package) on 2.1.9
(whose special cases are added to the package's): what `en_core_web_sm` gave AllenNLP 0.9.
"""

# ruff: noqa: RUF001  (look-alike characters are what this is about)

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from . import characters, special_cases
from .characters import Alphabet, in_class
from .special_cases import SpecialCases
from .urls import AnythingBehindHost, UrlRule, whole_url


@dataclass(frozen=True, eq=False)
class SpacyRules:
    """The rules of one version.

    `prefix` is matched at the beginning of what is left of a chunk, `suffix` at its end (looking at no more
    than its last `suffix_window` characters), `infix` everywhere in the rest. Runs of two and more full
    stops are a suffix too, of any length.
    """

    version: str
    prefix: re.Pattern[str] = field(repr=False)
    suffix: re.Pattern[str] = field(repr=False)
    suffix_window: int = field(repr=False)
    infix: re.Pattern[str] = field(repr=False)
    special_cases: SpecialCases = field(repr=False)
    url: UrlRule = field(repr=False)
    sentence_ends: frozenset[str] = field(repr=False)
    url_keeps_affixes: bool = False
    """Whether a URL is recognised before its affixes are stripped, or only in what is left of them."""
    suffix_sees_prefix: bool = True
    """Whether a suffix may overlap, or look behind at, the prefix that is stripped together with it."""
    rejoins_special_cases: bool = False
    """Whether special cases are also found in the tokens of the whole text, once it has been split."""


def _any_of(texts: Iterable[str]) -> str:
    return "|".join(map(re.escape, texts))


def _english(
    version: str,
    *,
    alphabet: Alphabet,
    cases: SpecialCases,
    url: UrlRule,
    url_keeps_affixes: bool = False,
    punctuation: str = characters.PUNCTUATION_2_2,
    currencies: tuple[str, ...] = characters.CURRENCIES_2_1,
    full_stop_after: str = "|" + characters.PUNCTUATION_2_2,
    split_digit_hyphen: bool = False,
    suffix_sees_prefix: bool = True,
    sentence_ends: frozenset[str] = characters.SENTENCE_ENDS_2_2,
    rejoins_special_cases: bool = False,
) -> SpacyRules:
    quotes = in_class(characters.QUOTES)
    marks = in_class(punctuation + characters.QUOTES + "—–") + characters.SYMBOLS
    money = _any_of(currencies)
    units = _any_of(characters.UNITS)
    before_full_stop = in_class("0123456789%²-+(?:)" + characters.QUOTES + full_stop_after) + alphabet.lower
    before_hyphen = alphabet.letters + ("0-9" if split_digit_hyphen else "")

    prefix = rf"[§%={marks}]|\+(?![0-9])|\.\.+|{money}"
    suffix = "|".join(
        [
            rf"……|[{marks}]",
            r"['’][sS]",
            r"(?<=[0-9])\+",
            rf"(?<=[0-9])(?:{money}|{units})",
            r"(?<=°[FfCcKk])\.",
            rf"(?<=[{before_full_stop}])\.",
            rf"(?<=[{alphabet.upper}][{alphabet.upper}])\.",
        ]
    )
    infix = "|".join(
        [
            rf"\.\.+|[…{characters.SYMBOLS}]",
            r"(?<=[0-9])[+\-*^](?=[0-9-])",
            rf"(?<=[{alphabet.lower}{quotes}])\.(?=[{alphabet.upper}{quotes}])",
            rf"(?<=[{alphabet.letters}]),(?=[{alphabet.letters}])",
            rf"(?<=[{before_hyphen}])(?:{_any_of(characters.HYPHENS)})(?=[{alphabet.letters}])",
            rf"(?<=[{alphabet.letters}0-9])[:<>=/](?=[{alphabet.letters}])",
        ]
    )
    longest_suffix, longest_look_behind = max(map(len, (*characters.UNITS, *currencies))), 2
    return SpacyRules(
        version=version,
        prefix=re.compile(prefix),
        suffix=re.compile(rf"(?:{suffix})\Z"),
        suffix_window=longest_suffix + longest_look_behind,
        infix=re.compile(infix),
        special_cases=cases,
        url=url,
        url_keeps_affixes=url_keeps_affixes,
        sentence_ends=sentence_ends,
        suffix_sees_prefix=suffix_sees_prefix,
        rejoins_special_cases=rejoins_special_cases,
    )


SPACY_2_1 = _english(
    "2.1",
    alphabet=characters.ALPHABET_2_1,
    cases=special_cases.ENGLISH_2_1,
    url=AnythingBehindHost,
    url_keeps_affixes=True,
    punctuation=characters.PUNCTUATION_2_1,
    full_stop_after="",
    sentence_ends=characters.SENTENCE_ENDS_2_1,
)
SPACY_2_2 = _english(
    "2.2",
    alphabet=characters.ALPHABET_2_2,
    cases=special_cases.ENGLISH_2_1,
    url=whole_url(characters.ALPHABET_2_2.lower),
)
SPACY_2_3 = _english(
    "2.3",
    alphabet=characters.ALPHABET_2_3,
    cases=special_cases.ENGLISH_2_3,
    url=whole_url(characters.ALPHABET_2_3.lower),
    sentence_ends=characters.SENTENCE_ENDS_2_3,
)
SPACY_3_0 = _english(
    "3.0",
    alphabet=characters.ALPHABET_2_3,
    cases=special_cases.ENGLISH_3_0,
    url=whole_url(characters.ALPHABET_2_3.lower),
    currencies=characters.CURRENCIES_3_0,
    split_digit_hyphen=True,
    sentence_ends=characters.SENTENCE_ENDS_3_0,
    rejoins_special_cases=True,
)
SPACY_3_3 = _english(
    "3.3",
    alphabet=characters.ALPHABET_3_3,
    cases=special_cases.ENGLISH_3_3,
    url=whole_url(characters.ALPHABET_3_3.lower),
    currencies=characters.CURRENCIES_3_0,
    split_digit_hyphen=True,
    sentence_ends=characters.SENTENCE_ENDS_3_0,
    suffix_sees_prefix=False,
    rejoins_special_cases=True,
)
