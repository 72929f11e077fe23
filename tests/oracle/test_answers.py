"""The originals' answers, to 1e-5 on probabilities and 1e-4 on logits: alone, and in a batch of other lengths."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import pytest
import torch

from models.classifier import Classifier, Features, probabilities
from models.errors import InvalidInstance
from models.transformer_tokenizer import WordPieces
from tests.oracle.oracles import Oracle

PROBABILITY = 1e-5
LOGIT = 1e-4


def answers(classifier: Classifier, features: Sequence[Features]) -> list[dict[str, tuple[float, float]]]:
    """Label -> (probability, logit) of each instance; all in one batch, or one batch a shape where it must be."""
    order = sorted(range(len(features)), key=lambda index: features[index].shape)
    batches = [order]
    if not classifier.padding_safe:
        batches = [list(group) for _, group in groupby(order, key=lambda index: features[index].shape)]
    found: dict[int, dict[str, tuple[float, float]]] = {}
    for batch in batches:
        with torch.inference_mode():
            vectors = classifier.encode(classifier.collate([features[index] for index in batch]))
            logits = classifier.label_set.head(vectors)
        scores = probabilities(logits, classifier.multilabel)
        for row, index in enumerate(batch):
            columns = zip(scores[row].tolist(), logits[row].tolist(), strict=True)
            found[index] = dict(zip(classifier.label_set.labels, columns, strict=True))
    return [found[index] for index in range(len(features))]


def assert_agree(found: dict[str, tuple[float, float]], wanted: dict[str, tuple[float, float | None]]) -> None:
    assert found.keys() == wanted.keys()
    for label, (probability, logit) in wanted.items():
        assert found[label][0] == pytest.approx(probability, abs=PROBABILITY)
        if logit is not None:
            assert found[label][1] == pytest.approx(logit, abs=LOGIT)


def test_labels_keep_their_order(oracle: Oracle, classifier: Classifier) -> None:
    labels = oracle.document["labels"] or [str(index) for index in range(len(classifier.label_set.labels))]
    assert list(classifier.label_set.labels) == labels


def test_one_by_one(oracle: Oracle, classifier: Classifier) -> None:
    answered = 0
    for case in oracle.document["cases"]:
        wanted = oracle.truth(case)
        if wanted is not None:
            features = classifier.featurize(case["input"])
            assert_agree(answers(classifier, [features])[0], wanted)
            answered += 1
    assert answered


def test_together_in_any_order(oracle: Oracle, classifier: Classifier) -> None:
    cases = [case for case in oracle.document["cases"] if oracle.truth(case) is not None]
    random.Random(5).shuffle(cases)
    features = [classifier.featurize(case["input"]) for case in cases]
    for case, found in zip(cases, answers(classifier, features), strict=True):
        assert_agree(found, oracle.truth(case))


def test_what_the_original_refused_is_refused(oracle: Oracle, classifier: Classifier) -> None:
    for case in oracle.document["cases"]:
        if oracle.truth(case) is None:
            with pytest.raises(InvalidInstance):
                classifier.featurize(case["input"])


def test_tokens_are_the_originals(oracle: Oracle, classifier: Classifier) -> None:
    for case in oracle.document["cases"]:
        wanted = oracle.tokens(case)
        if wanted:
            inputs = classifier.featurize(case["input"]).inputs
            found = [listed(text.tokens) for texts in inputs.values() for text in texts]
            assert [[text for text, _, _ in tokens] for tokens in found] == texts_of(wanted)
            for tokens, recorded in zip(found, wanted, strict=True):
                for (_, start, end), token in zip(tokens, recorded, strict=True):
                    assert token.get("end") is None or (start, end) == (token["start"], token["end"])


def listed(tokens: Any) -> list[tuple[str, int, int]]:
    if isinstance(tokens, WordPieces):
        return list(zip(tokens.texts, tokens.starts, tokens.ends, strict=True))
    return [(token.text, token.start, token.end) for token in tokens]


def texts_of(tokens: list[list[Mapping[str, Any]]]) -> list[list[str]]:
    return [[token["text"] for token in text] for text in tokens]
