"""Every classifier can be handed over to the process that has the device, and answers and explains there to the bit."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from typing import Any

import pytest

from app.batch import Shape
from app.handing_over import dumped, hand_over, take_over
from app.served import ServedModel
from models.classifier import Classifier
from models.explanations import methods_of
from tests.oracle.oracles import Oracle
from tests.oracle.test_explanations import at_once, explained, with_words

pytestmark = pytest.mark.usefixtures("one_thread")

INSTANCES = 3


class Elsewhere:
    """Runs works as the other process would: nothing gets there, or back, but by pickle and shared memory."""

    def __init__(self, classifier: Classifier) -> None:
        self.here = classifier
        self.there = self._handed(classifier, object())

    async def __call__(self, work: Any, payloads: Sequence[Any], shapes: Sequence[Shape]) -> list[Any]:
        copy = self._handed(work, self.here)
        rows: list[Any] = pickle.loads(dumped(await at_once(copy, pickle.loads(dumped(payloads)), shapes)))
        return rows

    def _handed(self, one: Any, known: Any) -> Any:
        handed = hand_over(one, lambda other: 0 if other is known else None)
        try:
            return take_over(handed.pickled, handed.places, handed.file, lambda number: self.there)
        finally:
            if handed.file is not None:
                os.close(handed.file)


def rows_of(classifier: Classifier, features: Sequence[Any]) -> list[Any]:
    work = ServedModel("it", classifier, classifier.label_set)
    return [row for one in features for row in work.run(work.collate([one]))]


def test_rows_are_the_same_to_the_bit(oracle: Oracle, classifier: Classifier) -> None:
    features = [classifier.featurize(instance) for instance in with_words(oracle, INSTANCES)]
    before = rows_of(classifier, features)
    there = Elsewhere(classifier).there
    assert rows_of(there, pickle.loads(dumped(features))) == before
    assert rows_of(classifier, features) == before


def test_explanations_are_the_same(oracle: Oracle, classifier: Classifier) -> None:
    instances = with_words(oracle, INSTANCES)[:2]
    elsewhere = Elsewhere(classifier)
    for method in methods_of(classifier):
        here = explained(classifier, instances, method=method)
        assert explained(classifier, instances, elsewhere, method=method) == here
