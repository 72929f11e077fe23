"""An answer never depends on its neighbours, for encoders and readers that no carried archive happens to use."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from models.allennlp_compat import Model, Params
from models.architectures import head_of
from models.archive import write_archive
from models.archive_classifier import ArchiveClassifier
from models.classifier import Features
from models.legacy_config import upgraded_model
from models.loading import load_classifier
from models.vocabulary import vocabulary_from_files

WORDS = ["river", "stone", "lamp", "oak", "tea", "quick", "blue", "seven", "north", "gate", "a", "marble"]
CHARACTERS = sorted(set("".join(WORDS)))
VOCABULARY = {
    "tokens": ["@@UNKNOWN@@", *WORDS[:-2]],
    "token_characters": ["@@UNKNOWN@@", *CHARACTERS[:-2]],
    "labels": ["yes", "no", "maybe"],
    "non_padded_namespaces": ["*labels", "*tags"],
}

EMBEDDER = {
    "token_embedders": {
        "tokens": {"type": "embedding", "embedding_dim": 6},
        "token_characters": {
            "type": "character_encoding",
            "embedding": {"embedding_dim": 4},
            "encoder": {"type": "cnn", "embedding_dim": 4, "num_filters": 3, "ngram_filter_sizes": [2, 3]},
        },
    }
}
INDEXERS = {
    "tokens": {"type": "single_id", "lowercase_tokens": True},
    "token_characters": {"type": "characters", "min_padding_length": 3},
}
DIM = 12
"""What EMBEDDER gives."""


def encoder(kind: str, input_dim: int) -> dict[str, Any]:
    match kind:
        case "cnn":
            return {"type": "cnn", "embedding_dim": input_dim, "num_filters": 4, "ngram_filter_sizes": [1, 2]}
        case "boe":
            return {"type": "boe", "embedding_dim": input_dim, "averaged": True}
        case "gated-cnn-encoder":
            return {"type": kind, "input_dim": input_dim, "layers": [[[2, input_dim]]]}
        case "pass_through":
            return {"type": "pass_through", "input_dim": input_dim}
        case "feedforward":
            layers = {"input_dim": input_dim, "num_layers": 1, "hidden_dims": 5, "activations": "tanh"}
            return {"type": "feedforward", "feedforward": layers}
    return {"type": kind, "input_size": input_dim, "hidden_size": 5, "bidirectional": True}


def output_dim(kind: str, input_dim: int) -> int:
    dims = {"cnn": 8, "boe": input_dim, "pass_through": input_dim, "feedforward": 5, "gated-cnn-encoder": 2 * input_dim}
    return dims.get(kind, 10)


def archive(folder: Path, reader: dict[str, Any], model: dict[str, Any]) -> Path:
    """Written with random weights, so that loading it is the whole way that a real one takes."""
    files = {f"{name}.txt": "\n".join(lines) for name, lines in VOCABULARY.items()}
    torch.manual_seed(3)
    built = Model.from_params(vocab=vocabulary_from_files(files), params=Params(upgraded_model(model)))
    config = {"dataset_reader": {"token_indexers": INDEXERS, **reader}, "model": model, "iterator": {"type": "basic"}}
    path = folder / "random.tar.gz"
    write_archive(path, config, built.state_dict(), VOCABULARY)
    return path


def texts(generator: random.Random) -> str:
    return " ".join(generator.choices(WORDS, k=generator.randint(2, 12)))


def answers(classifier: ArchiveClassifier, features: list[Features]) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = head_of(classifier.model)(classifier.encode(classifier.collate(features)))
    return logits


def assert_independent(classifier: ArchiveClassifier, instances: list[Any]) -> None:
    features = [classifier.featurize(instance) for instance in instances]
    alone = torch.cat([answers(classifier, [one]) for one in features])
    if classifier.padding_safe:
        together = answers(classifier, features)
    else:
        order = sorted(range(len(features)), key=lambda index: features[index].shape)
        groups = [list(group) for _, group in itertools.groupby(order, key=lambda index: features[index].shape)]
        assert len(groups) < len(features)
        together = torch.empty_like(alone)
        for group in groups:
            together[group] = answers(classifier, [features[index] for index in group])
    assert torch.equal(alone.isnan(), together.isnan())
    assert torch.allclose(alone.nan_to_num(), together.nan_to_num(), atol=1e-5)


@pytest.mark.parametrize("seq2seq", [None, "gru", "feedforward", "pass_through", "gated-cnn-encoder"])
@pytest.mark.parametrize("seq2vec", ["lstm", "rnn", "cnn", "boe"])
def test_one_text(tmp_path: Path, seq2seq: str | None, seq2vec: str) -> None:
    model: dict[str, Any] = {"type": "sequence_classifier", "text_field_embedder": EMBEDDER}
    dim = DIM
    if seq2seq:
        model["seq2seq_encoder"], dim = encoder(seq2seq, dim), output_dim(seq2seq, dim)
    model["seq2vec_encoder"] = encoder(seq2vec, dim)
    classifier = load_classifier(archive(tmp_path, {"type": "sequence_classifier"}, model))
    assert isinstance(classifier, ArchiveClassifier)
    assert classifier.padding_safe is (seq2seq != "gated-cnn-encoder")
    generator = random.Random(4)
    assert_independent(classifier, [texts(generator) for _ in range(24)])


@pytest.mark.parametrize("over_tokens", ["gru", "cnn", "boe"])
@pytest.mark.parametrize("over_fields", ["lstm", "cnn", "boe"])
@pytest.mark.parametrize("between", [None, "gru"])
def test_records(tmp_path: Path, over_tokens: str, over_fields: str, between: str | None) -> None:
    dim = output_dim(over_tokens, DIM)
    model: dict[str, Any] = {
        "type": "similarity_classifier",
        "text_field_embedder": EMBEDDER,
        "seq2vec_encoder": encoder(over_tokens, DIM),
    }
    if between:
        model["multifield_seq2seq_encoder"], dim = encoder(between, dim), output_dim(between, dim)
    model["multifield_seq2vec_encoder"] = encoder(over_fields, dim)
    classifier = load_classifier(archive(tmp_path, {"type": "similarity_classifier", "as_text_field": False}, model))
    assert isinstance(classifier, ArchiveClassifier)
    generator = random.Random(5)

    def record() -> dict[str, str]:
        return {f"field{index}": texts(generator) for index in range(generator.randint(2, 5))}

    assert_independent(classifier, [{"record1": record(), "record2": record()} for _ in range(20)])


def test_a_record_whose_fields_are_all_masked_has_no_answer(tmp_path: Path) -> None:
    """The original masks a field whose vector has no positive component, and fails where none is left."""
    model = {
        "type": "sequence_classifier",
        "text_field_embedder": {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 6}}},
        "seq2vec_encoder": {"type": "boe", "embedding_dim": 6},
        "multifield_seq2vec_encoder": encoder("gru", 6),
    }
    reader = {
        "type": "sequence_classifier",
        "as_text_field": False,
        "token_indexers": {"tokens": {"type": "single_id"}},
    }
    classifier = load_classifier(archive(tmp_path, reader, model))
    assert isinstance(classifier, ArchiveClassifier)
    embedding = classifier.model._text_field_embedder.token_embedder_tokens.weight
    embedding[classifier.model.vocab.get_token_index("river", "tokens")] = -1.0
    masked, normal = {"tokens": {"a": "river", "b": "river"}}, {"tokens": {"a": "stone lamp", "b": "oak"}}
    features = [classifier.featurize(instance) for instance in (masked, normal)]
    logits = answers(classifier, features)
    assert logits[0].isnan().all()
    assert torch.allclose(logits[1], answers(classifier, features[1:])[0], atol=1e-6)
