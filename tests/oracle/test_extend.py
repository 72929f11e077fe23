"""Every archive learns new labels: its old answers keep their odds, with and without examples, anchors included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from models.anchors import anchors_for
from models.classifier import Classifier, Instance
from models.errors import InvalidInstance
from models.extend import fit, inert
from models.extension_report import report
from tests.oracle.oracles import ORACLES, Oracle

NEW = ["a new label", "another"]


def instances_of(oracle: Oracle) -> list[Any]:
    return [case["input"] for case in oracle.document["cases"] if oracle.truth(case) is not None]


@torch.inference_mode()
def encode(classifier: Classifier, instances: Sequence[Instance]) -> Tensor:
    """One by one: (instances, dim)."""
    return torch.cat([classifier.encode(classifier.collate([classifier.featurize(one)])) for one in instances])


def odds(logits: Tensor, classifier: Classifier) -> Tensor:
    """What must not change: (instances, old labels)."""
    old = logits[:, : len(classifier.label_set.labels)].double()
    if classifier.multilabel:
        return old.sigmoid()
    shares = logits.double().softmax(dim=-1)[:, : old.size(1)]
    return shares / shares.sum(dim=1, keepdim=True)


@pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES.keys())
def test_every_archive_learns_new_labels_and_forgets_nothing(oracle: Oracle) -> None:
    classifier = oracle.load()
    instances, multilabel = instances_of(oracle), classifier.multilabel
    vectors = encode(classifier, instances)
    old = classifier.label_set
    before = odds(old.head(vectors), classifier)

    silent = inert(old, NEW, multilabel=multilabel)
    logits = silent.head(vectors)
    assert (odds(logits, classifier) - before).abs().max() <= 1e-6
    new = logits.sigmoid() if multilabel else logits.softmax(dim=-1)
    assert new[:, len(old.labels) :].max() <= 0.001 * (1 + 1e-4)

    names = [*NEW, old.labels[0]]
    said = [names[index % 3] for index in range(len(instances))]
    targets = [[name] for name in said] if multilabel else said
    anchors = encode(classifier, anchors_for(classifier, instances, count=20)) if classifier.words() else None
    taught = fit(old, NEW, vectors, targets, anchors=anchors, multilabel=multilabel)
    assert (odds(taught.head(vectors), classifier) - before).abs().max() <= 1e-6
    assert not torch.allclose(taught.head(vectors)[:, -2:], logits[:, -2:], atol=1e-3)
    assert (taught.labels, taught.version) == ((*old.labels, *NEW), 2)
    told = report(old, NEW, vectors, targets, anchors=anchors, multilabel=multilabel)
    assert told.examples == len(instances)
    assert [one.label for one in told.labels if one.new] == NEW


@pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES.keys())
def test_anchors_are_instances_of_the_archives_own_words(oracle: Oracle) -> None:
    classifier = oracle.load()
    instances = instances_of(oracle)
    anchors = anchors_for(classifier, instances, count=20)
    assert anchors == anchors_for(classifier, instances, count=20)
    assert len(anchors) == (20 if classifier.words() else 0)
    for anchor in anchors:
        try:
            classifier.featurize(anchor)
        except InvalidInstance as error:
            pytest.fail(f"{anchor} is refused: {error}")
    assert not [anchor for anchor in anchors if anchor in instances]
