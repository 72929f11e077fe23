"""Archives whose parts do not fit, and instances that their parts read differently."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from models.classifier import Classifier
from models.errors import InvalidInstance, UnsupportedArchive
from models.loading import load_classifier
from tests.unit.models.archives import CONFIG, WEIGHTS, members, packed


def load(
    folder: Path, reader: dict[str, Any], model: dict[str, Any], weights: dict[str, torch.Tensor] | None = None
) -> Classifier:
    config = copy.deepcopy(CONFIG)
    config["dataset_reader"].update(reader)
    config["model"].update(model)
    return load_classifier(packed(folder / "model.tar.gz", members(config, {**WEIGHTS, **(weights or {})})))


def test_a_model_of_one_text_does_not_read_a_list_of_texts(tmp_path: Path) -> None:
    reader = {"type": "sequence_classifier", "as_text_field": False}
    with pytest.raises(UnsupportedArchive, match="list of texts"):
        load(tmp_path, reader, {})


def test_every_embedder_has_an_indexer(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedArchive, match=r"'tokens'.* words"):
        load(tmp_path, {"token_indexers": {"words": {"type": "single_id"}}}, {})


def test_an_embedder_without_an_indexer_of_ours_is_refused_at_load(tmp_path: Path) -> None:
    counts = {"tokens": {"type": "bag_of_word_counts", "vocab_namespace": "tokens", "projection_dim": 3}}
    projection = {
        "_text_field_embedder.token_embedder_tokens._projection.weight": torch.zeros(3, 4),
        "_text_field_embedder.token_embedder_tokens._projection.bias": torch.zeros(3),
    }
    weights = {name: tensor for name, tensor in WEIGHTS.items() if "tokens.weight" not in name}
    config = copy.deepcopy(CONFIG)
    config["model"]["text_field_embedder"] = counts
    path = packed(tmp_path / "model.tar.gz", members(config, {**weights, **projection}))
    with pytest.raises(UnsupportedArchive, match="BagOfWordCounts"):
        load_classifier(path)


def test_start_tokens_make_a_text_of_an_empty_one(tmp_path: Path) -> None:
    """As in AllenNLP: the indexer adds them, and the encoder sees one position."""
    indexers = {"tokens": {"type": "single_id", "start_tokens": ["good"]}}
    recurrent = {"seq2vec_encoder": {"type": "rnn", "input_size": 3, "hidden_size": 3}}
    weights = {
        "_seq2vec_encoder._module.weight_ih_l0": torch.eye(3),
        "_seq2vec_encoder._module.weight_hh_l0": torch.zeros(3, 3),
        "_seq2vec_encoder._module.bias_ih_l0": torch.zeros(3),
        "_seq2vec_encoder._module.bias_hh_l0": torch.zeros(3),
    }
    classifier = load(tmp_path, {"token_indexers": indexers}, recurrent, weights)
    features = classifier.featurize("")
    vectors = classifier.encode(classifier.collate([features]))
    embedding = WEIGHTS["_text_field_embedder.token_embedder_tokens.weight"]
    assert torch.allclose(vectors[0], embedding[2].tanh())

    (tmp_path / "plain").mkdir()
    plain = load(tmp_path / "plain", {}, recurrent, weights)
    with pytest.raises(InvalidInstance, match="0 tokens"):
        plain.featurize("")


def test_indexers_that_pad_to_different_lengths_need_a_text_as_long_as_the_longest(tmp_path: Path) -> None:
    """The original cannot concatenate vectors of 2 and of 4 positions."""
    indexers = {"tokens": {"type": "single_id"}, "padded": {"type": "single_id", "token_min_padding_length": 4}}
    embedding = {"type": "embedding", "embedding_dim": 3}
    model = {
        "text_field_embedder": {"tokens": embedding, "padded": embedding},
        "seq2vec_encoder": {"type": "boe", "embedding_dim": 6},
    }
    weights = {
        "_text_field_embedder.token_embedder_padded.weight": torch.ones(4, 3),
        "_classification_layer.weight": torch.eye(2, 6),
    }
    classifier = load(tmp_path, {"token_indexers": indexers}, model, weights)
    classifier.featurize("good bad good bad")
    with pytest.raises(InvalidInstance, match="different lengths"):
        classifier.featurize("good bad")
