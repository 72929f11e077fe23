"""Each version's rules against the tokens and sentences of that spaCy (`tests/data/spacy_versions.cases.json`)."""

import json
from typing import Any

import pytest

from models.tokenization import (
    SPACY_2_1,
    SPACY_2_2,
    SPACY_2_3,
    SPACY_3_0,
    SPACY_3_3,
    Sentencizer,
    SpacyRules,
    spacy_tokenizer,
)
from models.tokenization.special_cases import ENGLISH_3_3

from .cases import DATA, texts

RULES = [SPACY_2_1, SPACY_2_2, SPACY_2_3, SPACY_3_0, SPACY_3_3]
CASES: list[dict[str, Any]] = json.loads((DATA / "spacy_versions.cases.json").read_text(encoding="utf-8"))["cases"]


def _of(version: str, answers: dict[str, list[str]]) -> list[str]:
    return next(answer for versions, answer in answers.items() if version in versions.split())


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: rules.version)
def test_tokens_are_those_of_the_version(rules: SpacyRules) -> None:
    tokenize = spacy_tokenizer(rules)
    differing = [case["text"] for case in CASES if texts(tokenize(case["text"])) != _of(rules.version, case["tokens"])]
    assert not differing


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: rules.version)
def test_sentences_are_those_of_the_version(rules: SpacyRules) -> None:
    split = Sentencizer(rules)
    differing = [case["text"] for case in CASES if texts(split(case["text"])) != _of(rules.version, case["sentences"])]
    assert not differing


@pytest.mark.parametrize("other", ["2.2", "2.3", "3.0", "3.3"])
def test_the_cases_tell_each_version_from_the_one_before(other: str) -> None:
    versions = [rules.version for rules in RULES]
    before = versions[versions.index(other) - 1]
    assert any(_of(other, case["tokens"]) != _of(before, case["tokens"]) for case in CASES)


def test_special_cases_are_those_of_the_installed_spacy() -> None:
    """All but what 3.4 and later dropped (`these's`, `that've`)."""
    from spacy.lang.en import English
    from spacy.symbols import ORTH

    installed = {
        chunk: tuple(piece[ORTH] for piece in pieces)
        for chunk, pieces in (English.Defaults.tokenizer_exceptions or {}).items()
        if not chunk.isspace()
    }
    assert installed.items() <= dict(ENGLISH_3_3).items()
    dropped = set(ENGLISH_3_3) - set(installed)
    assert all(chunk.lower().startswith(("that", "this", "these", "those")) for chunk in dropped)
