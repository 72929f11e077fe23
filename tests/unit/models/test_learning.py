"""The classes are whole models: they learn, from the loss that they give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.archive_classifier import ArchiveClassifier
from models.loading import load_classifier
from tests.unit.models.test_independence import archive, encoder

BIMPM = {"hidden_dim": 5, "num_perspectives": 3}
CLASSIFIER = {"input_dim": 20, "num_layers": 1, "hidden_dims": 3, "activations": "linear"}
MULTIFIELD = {"seq2vec_encoder": encoder("lstm", 9), "multifield_seq2vec_encoder": encoder("gru", 10)}
EMBEDDER = {"tokens": {"type": "embedding", "embedding_dim": 9}}
INDEXERS = {"token_indexers": {"tokens": {"type": "single_id"}}}


def bimpm() -> dict[str, Any]:
    matchers = {f"matcher_{name}": {**BIMPM, "is_forward": "backward" not in name} for name in DIRECTIONS}
    return {
        "type": "biome_bimpm",
        "matcher_word": {"hidden_dim": 9, "num_perspectives": 3, "is_forward": True, "with_full_match": False},
        "encoder1": encoder("lstm", 9),
        "encoder2": encoder("lstm", 10),
        **matchers,
        "aggregator": encoder("lstm", MATCHING_DIM),
        "classifier_feedforward": CLASSIFIER,
    }


DIRECTIONS = ("forward1", "backward1", "forward2", "backward2")
FULL, REST = 4, 2 + 6 + 4 + 4
"""Dimensions of a matching with 3 perspectives: the full match, and all else."""
MATCHING_DIM = REST + 4 * (REST + FULL)


def multifield_bimpm() -> dict[str, Any]:
    return {
        "type": "multifield_bimpm",
        "matcher_word": {"hidden_dim": 9, "num_perspectives": 3, "is_forward": True, "with_full_match": False},
        "encoder": encoder("lstm", 9),
        "matcher_forward": {**BIMPM, "is_forward": True},
        "matcher_backward": {**BIMPM, "is_forward": False},
        "aggregator": encoder("gru", REST + 2 * (REST + FULL)),
        "classifier_feedforward": {**CLASSIFIER, "hidden_dims": 6},
    }


TEXT = [({"tokens": "river stone"}, "yes"), ({"tokens": "lamp oak tea"}, "no"), ({"tokens": "quick blue"}, "maybe")]
PAIR = [
    ({"record1": "river stone", "record2": "river stone lamp"}, "yes"),
    ({"record1": "lamp oak", "record2": "tea seven"}, "no"),
]
RECORDS = [
    ({"record1": {"a": "river", "b": "oak"}, "record2": {"a": "river", "b": "oak tea"}}, "yes"),
    ({"record1": {"a": "lamp", "b": "blue"}, "record2": {"a": "seven", "b": "north"}}, "no"),
]
LISTS = {"as_text_field": False}


@pytest.mark.parametrize(
    ("reader", "model", "rows"),
    [
        ({}, {"type": "sequence_classifier", "seq2vec_encoder": encoder("gru", 9), "dropout": 0.1}, TEXT),
        (LISTS, {"type": "sequence_classifier", **MULTIFIELD, "loss_weights": {"yes": 1, "no": 2, "maybe": 1}}, TEXT),
        ({}, {"type": "sequence_pair_classifier", "seq2vec_encoder": encoder("gru", 9)}, PAIR),
        (LISTS, {"type": "similarity_classifier", **MULTIFIELD, "margin": 0.3}, RECORDS),
        ({}, bimpm(), PAIR),
        (LISTS, multifield_bimpm(), RECORDS),
    ],
    ids=["text", "record", "pair", "similarity", "bimpm", "multifield_bimpm"],
)
def test_learns_its_examples(tmp_path: Path, reader: dict[str, Any], model: dict[str, Any], rows: list[Any]) -> None:
    model = {"text_field_embedder": EMBEDDER, **model}
    classifier = load_classifier(archive(tmp_path, {"type": model["type"], **INDEXERS, **reader}, model))
    assert isinstance(classifier, ArchiveClassifier)
    features = [classifier.featurize(instance) for instance, _ in rows]
    labels = torch.tensor([classifier.label_set.labels.index(label) for _, label in rows])
    tensors = classifier.collate(features).tensors
    learner = classifier.model.train().requires_grad_(True)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.02)
    torch.manual_seed(0)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = learner(**tensors, label=labels)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    learner.eval().get_metrics(reset=True)
    output = learner(**tensors, label=labels)
    assert learner.decode(output)["max_class"] == [label for _, label in rows]
    assert learner.get_metrics()["accuracy"] == 1.0


def test_loss_weights_must_name_the_labels(tmp_path: Path) -> None:
    model = {
        "type": "sequence_classifier",
        "text_field_embedder": EMBEDDER,
        "seq2vec_encoder": encoder("gru", 9),
        "loss_weights": {"yes": 1.0, "no": 1.0},
    }
    with pytest.raises(KeyError, match="maybe"):
        archive(tmp_path, {"type": "sequence_classifier", **INDEXERS}, model)
