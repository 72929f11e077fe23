"""A pair is told from the curves of its fields only where they are all that its comparison reads."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from models.archive_classifier import ArchiveClassifier
from models.explain_methods import METHODS
from models.explanations import explainable_by
from tests.unit.models.biome.pipelines import CNN, GRU, PAIR, classifier, instance, pipeline


def loaded(folder: Path, version: str) -> ArchiveClassifier:
    config = pipeline({**PAIR, "field_encoder": GRU, "aggregator": CNN}, version=version)
    opened = classifier(folder, config)
    assert isinstance(opened, ArchiveClassifier)
    return opened


@torch.no_grad()
def finished_otherwise(pairs: ArchiveClassifier) -> float:
    """How far what comes of the pooled fields is from the encoding, at most, where records differ in their number."""
    chance, furthest = random.Random(4), 0.0
    for _ in range(20):
        features = pairs.featurize(instance(pairs.kind, chance))
        (fields1, _), (fields2, _) = features.shape
        if fields1 != fields2:
            batch = pairs.collate([features])
            apart = (pairs.finish(pairs.pool(batch)) - pairs.encode(batch)).abs().max()
            furthest = max(furthest, float(apart))
    return furthest


@pytest.mark.parametrize("version", ["2.2", "3.3"])
def test_convolutions_over_fields_pool_over_those_there_are(tmp_path: Path, version: str) -> None:
    pairs = loaded(tmp_path, version)
    assert explainable_by(pairs, METHODS["integrated_gradients"]).smooth
    assert finished_otherwise(pairs) < 1e-6


def test_those_of_1_0_pool_over_padding_too_and_are_explained_step_by_step(tmp_path: Path) -> None:
    pairs = loaded(tmp_path, "1.0")
    assert not explainable_by(pairs, METHODS["integrated_gradients"]).smooth
    assert finished_otherwise(pairs) > 1e-4
