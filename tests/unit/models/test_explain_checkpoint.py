"""Checkpoints of any architecture are explained from their word embeddings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.classifier import probabilities
from models.explain import ends, gradients, path
from models.explain_methods import gauss_legendre
from models.explanations import explainable, explainable_by, method_for, methods_of
from models.loading import load_classifier
from tests.unit.models.test_checkpoint import CONFIGURATIONS, TOKENIZER

INSTANCE = {"text": "The parcel arrived late, and damaged!", "text_pair": "refund please"}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[[str], Path]:
    def save(architecture: str) -> Path:
        tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
        torch.manual_seed(5)
        model = AutoModelForSequenceClassification.from_config(CONFIGURATIONS[architecture](len(tokenizer)))
        model.save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        return tmp_path

    return save


@pytest.mark.parametrize("architecture", [name for name in CONFIGURATIONS if name != "xlnet"])
def test_attributions_add_up_from_every_baseline(architecture: str, checkpoint: Callable[[str], Path]) -> None:
    classifier = load_classifier(checkpoint(architecture))
    method = method_for(classifier, "integrated_gradients")
    seen = explainable_by(classifier, method)
    head = classifier.label_set.head
    features = [classifier.featurize(INSTANCE), classifier.featurize("good service")]
    batch = classifier.collate(features)
    with torch.no_grad():
        own = probabilities(head(classifier.encode(batch)), classifier.multilabel)
    assert set(seen.baselines) == {"pad", "zero", "mask"}
    for baseline in seen.baselines:
        along = path(seen, batch, baseline)
        scores, _, blank = ends(seen, head, batch, along)
        assert torch.allclose(scores, own, atol=1e-6)
        found = gradients(method, seen, head, batch, along, [gauss_legendre(40)] * 2, [0, 1])
        for row, target in enumerate((0, 1)):
            difference = (scores[row, target] - blank[row, target]).item()
            assert found[row][0].sum().item() == pytest.approx(difference, abs=1e-3)


def test_offsets_and_fields_of_a_pair(checkpoint: Callable[[str], Path]) -> None:
    classifier = load_classifier(checkpoint("bert"))
    seen = explainable(classifier)
    assert seen is not None
    tokens = seen.tokenization(INSTANCE, classifier.featurize(INSTANCE)).tokens
    placed = [INSTANCE[token.field][token.start : token.end].lower() for token in tokens if token.start is not None]
    assert placed == [token.text.removeprefix("##") for token in tokens if token.start is not None]
    assert {token.field for token in tokens} == {"text", "text_pair"}
    assert [token.text for token in tokens if token.start is None] == ["[CLS]", "[SEP]", "[SEP]"]


def test_what_cannot_be_reached_has_no_methods(checkpoint: Callable[[str], Path]) -> None:
    assert methods_of(load_classifier(checkpoint("xlnet"))) == ()
