"""Both records go through each part in one call, but in training, where they go as in the original."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from models.archive_classifier import ArchiveClassifier
from models.curve import FIRST_LEVEL, Curve, Stretch, curves, gradients_along
from models.explain import gradients, path
from models.explain_methods import METHODS
from models.explanations import explainable_by
from models.field_vectors import FieldVectors
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
    head.encode(**batch.tensors)
    assert called == order


LONGER = {"record1": {"first_name": "Ana", "city": "Rom", "zip": "001"}, "record2": {"city": "Rom"}}


@pytest.mark.parametrize("records", [[ALIKE], [UNLIKE], [ALIKE, UNLIKE, LONGER]], ids=["alike", "unlike", "a batch"])
@torch.no_grad()
def test_what_is_pooled_is_finished_to_the_encoding(
    classifier: ArchiveClassifier, records: list[Mapping[str, Any]]
) -> None:
    batch = classifier.collate([classifier.featurize(one) for one in records])
    found = classifier.finish(classifier.pool(batch))
    torch.testing.assert_close(found, classifier.encode(batch), atol=1e-6, rtol=1e-5)


def test_slopes_are_told_from_the_curves_of_the_fields(classifier: ArchiveClassifier) -> None:
    """Whatever other records were in the batch that a curve was found in, and are in the one where it is used."""
    classifier.model.requires_grad_(False)
    method = METHODS["integrated_gradients"]
    explainable, head, probes = explainable_by(classifier, method), classifier.label_set.head, method.probes(50)
    assert explainable.smooth

    def opened(*records: Mapping[str, Any]) -> tuple[Any, Any]:
        batch = classifier.collate([classifier.featurize(one) for one in records])
        return batch, path(explainable, batch, "pad")

    def found_in(*records: Mapping[str, Any]) -> list[Curve]:
        return curves(explainable, *opened(*records), FIRST_LEVEL)

    pairs = [ALIKE, UNLIKE, LONGER]
    alone, together = [found_in(one)[0] for one in pairs], found_in(*pairs)
    assert all(one.smooth for one in (*alone, *together))
    for curve, pair in ((alone[1], UNLIKE), (together[1], UNLIKE), (alone[2], LONGER), (together[0], ALIKE)):
        for others in ([], [2], [0]):
            batch, along = opened(pair, *(pairs[other] for other in others))
            stretches = [Stretch(curve, 1, probes, 0, curve.level)]
            stretches += [Stretch(alone[other], 0, probes, 0, alone[other].level) for other in others]
            told = gradients_along(method, explainable, head, batch, along, stretches)
            wanted = gradients(method, explainable, head, batch, along, [probes] * batch.size, [1, 0][: batch.size])
            for one, other in zip(told, wanted, strict=True):
                for part, whole in zip(one, other, strict=True):
                    torch.testing.assert_close(part, whole, atol=2e-5, rtol=0)


@torch.no_grad()
def test_biomes_own_explanation_compares_fields_in_float64(classifier: ArchiveClassifier) -> None:
    """Or float32's rounding would choose between fields that match equally well, another way on another processor."""
    head = classifier.model.head
    batch, seen = classifier.collate([classifier.featurize(ALIKE)]), FieldVectors(head)
    fields, mask = seen.embed(batch), torch.ones(1, 2, dtype=torch.bool)
    exact = deepcopy(head).double().match_fields(fields[0], mask, fields[1], mask)
    assert torch.equal(seen.encode(batch, fields), exact.float())
    assert all(weight.dtype == torch.float32 for weight in head.parameters())
