"""The originals' answers, to 1e-5 on probabilities and 1e-4 on logits: alone, and in a batch of other lengths."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby

import pytest
import torch

from models.classifier import Classifier, Features, probabilities
from models.errors import InvalidInstance
from tests.oracle.oracles import ORACLES, Oracle

PROBABILITY = 1e-5
LOGIT = 1e-4


@pytest.fixture(scope="module", params=ORACLES.values(), ids=ORACLES.keys())
def oracle(request: pytest.FixtureRequest) -> Oracle:
    return request.param


@pytest.fixture(scope="module")
def classifier(oracle: Oracle) -> Classifier:
    return oracle.load()


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
    recorded = [case for case in oracle.document["cases"] if case.get("tokens", case.get("debug", {}).get("tokens"))]
    for case in recorded:
        tokens = case.get("tokens") or case["debug"]["tokens"]
        wanted = tokens if isinstance(tokens, dict) else {"tokens": tokens}
        found = classifier.featurize(case["input"]).inputs
        for name, texts in wanted.items():
            lists = texts if isinstance(texts[0], list) else [texts]
            assert [[token.text for token in text.tokens] for text in found[name]] == lists
