"""Exported archives: members, labels, rows and answers of every archive, against the label set that was exported."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.classifier import Classifier, LabelSet
from models.errors import InvalidInstance
from models.export import export
from models.export_members import head_layer_name
from models.head_tensors import head_tensors, with_head_tensors
from models.loading import load_classifier
from tests.oracle.oracles import ORACLES, Oracle

pytestmark = pytest.mark.oracle

NEW_LABELS = ("naïve 新 label", "two\nlines 🙂")


def widened(classifier: Classifier) -> tuple[tuple[str, ...], dict[str, Tensor]]:
    """Two labels with rows at random."""
    generator = torch.Generator().manual_seed(7)
    rows = {
        name: torch.cat([tensor, torch.randn((len(NEW_LABELS), *tensor.shape[1:]), generator=generator)])
        for name, tensor in head_tensors(classifier.label_set.head).items()
    }
    return classifier.label_set.labels + NEW_LABELS, rows


def members(path: Path) -> dict[str, bytes | None]:
    with tarfile.open(path) as tar:
        return {info.name: data.read() if (data := tar.extractfile(info)) else None for info in tar}


def state_of(data: bytes) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(io.BytesIO(data), weights_only=True)
    return state


@torch.inference_mode()
def logits(classifier: Classifier, label_set: LabelSet, instance: Any) -> Tensor | None:
    """(1, num_labels); None where the instance is refused."""
    try:
        features = classifier.featurize(instance)
    except InvalidInstance:
        return None
    scored: Tensor = label_set.head(classifier.encode(classifier.collate([features])))
    return scored


@pytest.fixture(params=ORACLES.values(), ids=ORACLES.keys())
def oracle(request: pytest.FixtureRequest) -> Oracle:
    found: Oracle = request.param
    return found


def test_an_exported_archive_is_the_label_set_that_was_exported(oracle: Oracle, tmp_path: Path) -> None:
    classifier = oracle.load()
    labels, rows = widened(classifier)
    target = tmp_path / "wide.tar.gz"
    export(oracle.archive, target, labels, rows, hub=oracle.hub)
    exported = load_classifier(target, hub=oracle.hub)
    assert exported.label_set.labels == labels
    assert exported.multilabel == classifier.multilabel
    found = head_tensors(exported.label_set.head)
    assert found.keys() == rows.keys()
    assert all(torch.equal(found[name], rows[name]) for name in rows)
    wanted = LabelSet(labels, with_head_tensors(classifier.label_set.head, rows))
    answered = 0
    for case in oracle.document["cases"]:
        expected = logits(classifier, wanted, case["input"])
        given = logits(exported, exported.label_set, case["input"])
        assert (expected is None) == (given is None)
        if expected is not None and given is not None:
            assert torch.equal(expected.nan_to_num(7), given.nan_to_num(7))
            answered += 1
    assert answered > 3
    compare_members(classifier, members(oracle.archive), members(target))


def compare_members(classifier: Classifier, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Same members in the same order; of the changed ones only what has to change."""
    assert list(before) == list(after)
    changed = {name for name in before if before[name] != after[name]}
    labels_file = next(name for name in ("vocabulary/labels.txt", "vocabulary/gold_labels.txt") if name in before)
    assert changed - {"config.json"} == {"weights.th", labels_file}
    assert after[labels_file].decode().split("\n")[-3:] == ["naïve 新 label", "two@@NEWLINE@@lines 🙂", ""]
    old, new = state_of(before["weights.th"]), state_of(after["weights.th"])
    assert zipfile.is_zipfile(io.BytesIO(before["weights.th"])) == zipfile.is_zipfile(io.BytesIO(after["weights.th"]))
    assert type(old) is type(new)
    assert getattr(old, "_metadata", None) == getattr(new, "_metadata", None)
    assert list(old) == list(new)
    layer = head_layer_name(classifier)
    wider = {f"{layer}.weight", f"{layer}.bias", "_loss.weight", "_head._loss.weight"} & old.keys()
    for name, tensor in old.items():
        assert tensor.dtype == new[name].dtype
        assert torch.equal(tensor, new[name][: len(tensor)] if name in wider else new[name])
        assert len(new[name]) == len(tensor) + 2 if name in wider else tensor.shape == new[name].shape
    compare_configurations(json.loads(before["config.json"]), json.loads(after["config.json"]))


def compare_configurations(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Equal but for what is the labels, what weighs them and what counts them."""
    for config in (before, after):
        model = config["model"]
        head = model["config"]["head"] if "config" in model else {}
        model.get("classifier_feedforward", {}).pop("hidden_dims", None)
        for section, key in ((head, "labels"), (head, "label_weights"), (model, "loss_weights"), (model, "num_labels")):
            section.pop(key, None)
    assert json.dumps(before) == json.dumps(after)
