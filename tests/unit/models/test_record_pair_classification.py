"""Both records go through each part in one call, but in training, where they go as in the original."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from torch import nn

from models.archive_classifier import ArchiveClassifier
from models.loading import load_classifier
from tests.oracle.oracles import CARRIED

ALIKE = {"record1": {"first_name": "Hans", "city": "Rom"}, "record2": {"first_name": "Ana Maria", "city": "Rom"}}
UNLIKE = {"record1": {"first_name": "Hans", "city": "Rom"}, "record2": {"city": "Rom"}}
ONE_AFTER_THE_OTHER = ["embedder", "encoder", "embedder", "encoder", "record", "record", "aggregator", "aggregator"]


@pytest.fixture
def classifier() -> ArchiveClassifier:
    loaded = load_classifier(CARRIED / "biome_v33_pair_fwd_bwd.tar.gz", hub=CARRIED / "hub")
    assert isinstance(loaded, ArchiveClassifier)
    return loaded


@pytest.mark.parametrize(
    ("training", "records", "order"),
    [
        (False, ALIKE, ["embedder", "embedder", "encoder", "record", "aggregator"]),
        (False, UNLIKE, ["embedder", "embedder", "encoder", "encoder", "record", "record", "aggregator", "aggregator"]),
        (True, ALIKE, ONE_AFTER_THE_OTHER),
    ],
    ids=["as many fields", "other numbers of fields", "training"],
)
def test_parts_are_called(
    classifier: ArchiveClassifier, records: Mapping[str, Any], order: list[str], *, training: bool
) -> None:
    head = classifier.model.head
    parts: dict[str, nn.Module] = {
        "embedder": head.backbone.embedder,
        "encoder": head.backbone.encoder,
        "record": head._record_encoder,
        "aggregator": head._aggregator,
    }
    called: list[str] = []
    for name, part in parts.items():
        part.register_forward_pre_hook(lambda *_, name=name: called.append(name))
    batch = classifier.collate([classifier.featurize(records)])
    head.train(training)
    head.pool(**batch.tensors)
    assert called == order
