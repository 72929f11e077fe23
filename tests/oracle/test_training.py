"""The original's loss and metrics on rows with a label, and its own way of extending labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from models.archive_classifier import ArchiveClassifier
from models.errors import InvalidInstance
from tests.oracle.oracles import CARRIED, ORACLES, Oracle

LABELLED = {name: oracle for name, oracle in ORACLES.items() if "labelled" in oracle.document}


def instance_of(case: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    inputs = dict(case["input"])
    label = inputs.pop("label")
    # AllenNLP's reader calls `text` what its predictor calls `sentence`.
    return ({"sentence": inputs["text"]} if "text" in inputs else inputs), label


def forward(classifier: ArchiveClassifier, instances: list[Any], labels: list[str]) -> dict[str, Any]:
    batch = classifier.collate([classifier.featurize(instance) for instance in instances])
    indices = torch.tensor([classifier.label_set.labels.index(label) for label in labels])
    output: dict[str, Any] = classifier.model(**batch.tensors, label=indices)
    return output


@pytest.mark.parametrize("oracle", LABELLED.values(), ids=LABELLED.keys())
def test_loss_and_metrics_are_the_originals(oracle: Oracle) -> None:
    classifier = oracle.load()
    assert isinstance(classifier, ArchiveClassifier)
    cases = oracle.document["labelled"]["cases"]
    compared = 0
    for case in cases:
        instance, label = instance_of(case)
        try:
            classifier.featurize(instance)
        except InvalidInstance:
            continue
        if "loss" in (case["output"] or {}):
            output = forward(classifier, [instance], [label])
            assert output["loss"].item() == pytest.approx(case["output"]["loss"], abs=2e-5)
            decoded = classifier.model.make_output_human_readable(output)
            for key in ("max_class", "label"):
                if key in case["output"]:
                    assert decoded[key] == [case["output"][key]]
            compared += 1
    assert compared
    metrics = classifier.model.get_metrics(reset=True)
    if compared == sum(isinstance(case["output"], dict) and "loss" in case["output"] for case in cases):
        wanted = oracle.document["labelled"]["metrics_after_one_by_one"]
        assert metrics == pytest.approx(dict(wanted.items()), abs=1e-5)


def test_extend_labels_does_what_the_original_did() -> None:
    """New labels are appended and the whole output layer is drawn anew, with torch's default initialisation."""
    recorded = json.loads((CARRIED / "biome_sequence_classifier_single.extend_labels.json").read_text())
    model = Oracle(CARRIED / "biome_sequence_classifier_single.tar.gz", CARRIED / "hub").load().model
    assert model.output_classes == recorded["before"]["labels_by_index"]
    torch.manual_seed(recorded["action"]["torch.manual_seed"])
    model.extend_labels(["hotel", "law", "museum"])
    assert model.output_classes == recorded["after"]["labels_by_index"]
    assert model.num_classes == 7
    wanted = torch.tensor(recorded["after"]["output_layer"]["weight"])
    assert torch.allclose(model._output_layer.weight, wanted, atol=1e-6)
    with pytest.raises(TypeError):
        model.extend_labels(None)


def test_extend_labels_draws_the_layer_anew_even_for_known_labels() -> None:
    recorded = json.loads((CARRIED / "biome_sequence_classifier_single.extend_labels.json").read_text())
    model = Oracle(CARRIED / "biome_sequence_classifier_single.tar.gz", CARRIED / "hub").load().model
    before = model._output_layer.weight.clone()
    assert model.extend_labels(list(recorded["before"]["labels_by_index"])) is None
    assert model.output_classes == recorded["before"]["labels_by_index"]
    assert not (model._output_layer.weight == before).any()
    assert model._output_layer.weight.abs().max() <= before.size(1) ** -0.5


def test_extend_labels_takes_the_letters_of_a_plain_string() -> None:
    recorded = json.loads((CARRIED / "biome_sequence_classifier_single.extend_labels.json").read_text())
    model = Oracle(CARRIED / "biome_sequence_classifier_single.tar.gz", CARRIED / "hub").load().model
    model.extend_labels("abc")
    assert model.output_classes == [*recorded["before"]["labels_by_index"], "a", "b", "c"]


def test_extend_labels_extends_neither_metrics_nor_loss_weights() -> None:
    classifier = Oracle(CARRIED / "biome_sequence_classifier_single.tar.gz", CARRIED / "hub").load()
    assert isinstance(classifier, ArchiveClassifier)
    model = classifier.model
    names = list(model.output_classes)
    model.extend_labels(["hotel", "museum"])
    batch = classifier.collate([classifier.featurize({"tokens": "Blue Noodle Bar"})])
    assert model(**batch.tensors, label=torch.tensor([6]))["loss"].isfinite()
    measures = {f"{name}/{measure}" for name in [*names, "average"] for measure in ("f1", "precision", "recall")}
    assert model.get_metrics().keys() == measures | {"accuracy"}
    model._loss.weight = torch.ones(5)
    with pytest.raises(RuntimeError, match="weight tensor"):
        model(**batch.tensors, label=torch.tensor([0]))
    assert model(**batch.tensors)["logits"].shape == (1, 7)
