"""biome.text 1.0 - 3.3: the original's loss, and what its own `extend_labels` does to predictions and training."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from models.archive_classifier import ArchiveClassifier
from models.pipeline_model import PipelineModel
from tests.oracle.oracles import ORACLES, Oracle

EXTENDED = {name: oracle for name, oracle in ORACLES.items() if "label_extension" in oracle.document}


def loaded(oracle: Oracle) -> tuple[ArchiveClassifier, PipelineModel]:
    classifier = oracle.load()
    assert isinstance(classifier, ArchiveClassifier)
    assert isinstance(classifier.model, PipelineModel)
    return classifier, classifier.model


def forward(classifier: ArchiveClassifier, instance: Any, label: str | None = None) -> dict[str, Any]:
    """One instance through the model, with a label as training would give it."""
    head = classifier.model.head
    names = head.inputs()
    reading = head.featurize(**{name: instance[name] for name in names}, label=[label] if head.multilabel else label)
    batch = classifier.collate([classifier.featurize(instance)])
    output: dict[str, Any] = classifier.model(**batch.tensors, label=torch.tensor([reading.label]))
    return output


@pytest.mark.parametrize("oracle", EXTENDED.values(), ids=EXTENDED.keys())
def test_extended_labels_have_no_probability_and_cannot_be_learned(oracle: Oracle) -> None:
    recorded = oracle.document["label_extension"]
    classifier, model = loaded(oracle)
    assert model.head.labels == recorded["before"]["head.labels"]
    model.head.extend_labels(["brand_new_label", model.head.labels[0], "zz_other_label"])
    assert model.head.labels == recorded["after"]["head.labels"]
    assert model.head.num_labels == recorded["after"]["head.num_labels"]
    assert list(model.head.last_layer.weight.shape) == recorded["after"]["output_layer_weight_shape"]
    for case, wanted in zip(oracle.document["cases"], recorded["predictions_after"], strict=False):
        batch = classifier.collate([classifier.featurize(case["input"])])
        decoded = model.decode(model(**batch.tensors))
        found = dict(zip(decoded["labels"][0], decoded["probabilities"][0], strict=True))
        probabilities = wanted.get("classes") or dict(zip(wanted["labels"], wanted["probabilities"], strict=True))
        assert list(found) == list(probabilities)
        assert found == pytest.approx(probabilities, abs=1e-5)
    instance = oracle.document["cases"][0]["input"]
    with pytest.raises((IndexError, ValueError, RuntimeError)):
        forward(classifier, instance, "brand_new_label")


SINGLE_LABEL = {name: oracle for name, oracle in EXTENDED.items() if not oracle.document["multilabel"]}


@pytest.mark.parametrize("oracle", SINGLE_LABEL.values(), ids=SINGLE_LABEL.keys())
def test_loss_is_the_originals(oracle: Oracle) -> None:
    classifier, model = loaded(oracle)
    recorded = oracle.document["label_extension"]["forward_with_old_label"]
    output = forward(classifier, oracle.document["cases"][0]["input"], recorded["label"])
    assert output["loss"].item() == pytest.approx(recorded["loss"], rel=1e-4, abs=1e-6)
    metrics = model.get_metrics(reset=True)
    correct = output["logits"].argmax().item() == model.head.labels.index(recorded["label"])
    assert metrics["accuracy"] == metrics["micro/fscore"] == float(correct)
