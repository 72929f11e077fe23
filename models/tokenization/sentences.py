"""spaCy's rule-based sentence boundaries (the `sentencizer` of spacy/pipeline), for any version's rules."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from .spacy_rules import SPACY_2_1, SpacyRules
from .spacy_tokenizer import SpacyTokenizer
from .token import Token


class Sentencizer:
    """Sentences of a text, as tokens: `text` is the sentence stripped, the offsets are those of the stripped sentence.

    A sentence ends with a token of the version's sentence ends; the next begins at the first token after it that is
    neither another nor punctuation. Like the original it takes whitespace for a token, unless it is one space
    between two words; so white space behind a full stop may begin a sentence, and one of nothing else is empty.
    """

    def __init__(self, rules: SpacyRules) -> None:
        self._ends = rules.sentence_ends
        self._tokenize = SpacyTokenizer(rules)

    def __call__(self, text: str) -> list[Token]:
        bounds = [*self._starts(text), len(text)]
        return [_stripped(text, first, last) for first, last in pairwise(bounds)]

    def _starts(self, text: str) -> Iterator[int]:
        if text:
            yield 0
        ended = False
        for token in self._tokenize.with_whitespace(text):
            if token.text in self._ends:
                ended = True
            elif ended and not _is_punctuation(token.text):
                ended = False
                yield token.start


def _is_punctuation(text: str) -> bool:
    return all(unicodedata.category(character).startswith("P") for character in text)


def _stripped(text: str, first: int, last: int) -> Token:
    sentence = text[first:last]
    start = first + len(sentence) - len(sentence.lstrip())
    sentence = sentence.strip()
    return Token(sentence, start, start + len(sentence))


_SENTENCIZER_2_1 = Sentencizer(SPACY_2_1)


def rule_based_sentences(text: str) -> list[Token]:
    """The sentence splitter `{"type": "spacy", "rule_based": true}` of AllenNLP 0.9."""
    return _SENTENCIZER_2_1(text)
