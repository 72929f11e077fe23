"""Entity tags against spaCy's own function, over spaCy's own tokens."""

from __future__ import annotations

import random
import warnings

import pytest
import spacy
from spacy.training import offsets_to_biluo_tags

from models.entity_tags import Entity, tags_of
from models.errors import InvalidInstance
from models.tokenization import Token

TEXT = "Nordwind AG  acquired\nPinecone Labs in 1999, didn't it? (yes)"
DOC = spacy.blank("en")(TEXT)
TOKENS = [Token(token.text, token.idx, token.idx + len(token)) for token in DOC]


def of_spacy(entities: list[Entity]) -> list[str] | None:
    """None where spaCy refuses, or gives a tag that says that an entity does not fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tags: list[str] = offsets_to_biluo_tags(DOC, entities)
        except ValueError:
            return None
    return None if "-" in tags else tags


def spans(chance: random.Random) -> list[Entity]:
    """Mostly whole tokens, now and then anything."""
    found = []
    for _ in range(chance.randint(0, 3)):
        first = chance.randrange(len(TOKENS))
        last = min(first + chance.randint(0, 3), len(TOKENS) - 1)
        start, end = TOKENS[first].start, TOKENS[last].end
        if chance.random() < 0.15:
            start, end = sorted((chance.randint(-3, 70), chance.randint(-3, 70)))
        found.append(Entity(start, end, chance.choice(["subject", "object", "x", ""])))
    return found


def test_tags_are_those_of_spacy() -> None:
    chance = random.Random(6)
    refused = 0
    for _ in range(3000):
        entities = spans(chance)
        wanted = of_spacy(entities)
        if wanted is None:
            refused += 1
            with pytest.raises(InvalidInstance):
                tags_of(TEXT, TOKENS, entities, "BIOUL")
        else:
            assert tags_of(TEXT, TOKENS, entities, "BIOUL") == wanted
    assert 300 < refused < 2700


def test_bio_has_no_last_and_no_unit() -> None:
    entities = [Entity(0, 11, "subject"), Entity(22, 35, "object"), Entity(39, 43, "year")]
    assert tags_of(TEXT, TOKENS, entities, "BIO") == [
        *("B-subject", "I-subject", "O", "O", "O", "B-object", "I-object", "O", "B-year"),
        *["O"] * (len(TOKENS) - 9),
    ]
