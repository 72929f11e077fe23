"""biome.text 1.0 - 3.3 archives made on the spot, with random weights: loading one is the whole way of a real one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from models import hub
from models.archive import write_archive
from models.archive_classifier import ArchiveClassifier
from models.biome_pipeline import build_model
from models.classifier import Features
from models.loading import load_classifier
from models.pipeline_config import pipeline_configuration
from models.vocabulary import vocabulary_from_files

HUB = Path(__file__).parents[3] / "data" / "oracles" / "hub"

WORDS = ["river", "stone", "lamp", "oak", "tea", "quick", "blue", "seven", "north", "gate", "a", "marble"]
VOCABULARY = {
    "word": ["@@UNKNOWN@@", *WORDS[:-2]],
    "char": ["@@UNKNOWN@@", *sorted(set("".join(WORDS)))[:-2]],
    "entities": ["@@UNKNOWN@@", "O", "U-subject", "B-subject", "L-subject"],
    "gold_labels": ["of", "no", "account"],
    "non_padded_namespaces": ["*labels", "*tags"],
}
LABELS = ["yes", "no", "maybe"]

TOKENIZERS: Mapping[str, dict[str, Any]] = {
    "1.0": {"lang": "en", "max_sequence_length": "None"},
    "2.2": {"lang": "en", "max_sequence_length": None, "remove_space_tokens": True},
    "3.0": {"spacy_model": "en_core_web_sm", "max_sequence_length": None},
    "3.3": {"spacy_model": "en_core_web_sm", "truncate_input": None, "min_sentence_length": 0},
}
"""What tells the versions apart."""

WORD = {"embedding_dim": 6, "lowercase_tokens": True}
CHAR = {"embedding_dim": 4, "encoder": {"type": "gru", "hidden_size": 3}}
CHAR_CNN = {"embedding_dim": 4, "encoder": {"type": "cnn", "num_filters": 3, "ngram_filter_sizes": [2, 3]}}
TRANSFORMERS = {"model_name": "tiny_bert_dev", "trainable": True, "last_layer_only": False}

GRU = {"type": "gru", "hidden_size": 5, "bidirectional": True}
LSTM = {"type": "lstm", "hidden_size": 4, "num_layers": 2}
CNN = {"type": "cnn", "num_filters": 4, "ngram_filter_sizes": [1, 2]}
BOE = {"type": "boe", "averaged": True}
FEEDFORWARD = {"num_layers": 1, "hidden_dims": [6], "activations": ["tanh"], "dropout": [0.1]}
PAIR = {
    "type": "RecordPairClassification",
    "field_encoder": GRU,
    "record_encoder": GRU,
    "matcher_forward": {"is_forward": True, "num_perspectives": 3},
    "matcher_backward": {"is_forward": False, "num_perspectives": 2},
    "aggregator": GRU,
    "classifier_feedforward": FEEDFORWARD,
}
RECORD = {"type": "RecordClassification", "record_keys": ["name", "city", "kind"]}
RELATION = {"type": "RelationClassification", "entities_embedder": {"num_embeddings": 8, "embedding_dim": 3}}


def pipeline(
    head: Mapping[str, Any],
    features: Mapping[str, Any] | None = None,
    version: str = "3.3",
    encoder: Mapping[str, Any] | None = None,
    **tokenizer: Any,
) -> dict[str, Any]:
    """A `model.config` section."""
    path = "biome.text.modules.heads.classification.some_module."
    config: dict[str, Any] = {
        "name": "random",
        "tokenizer": {**TOKENIZERS[version], **tokenizer},
        "features": dict(features or {"word": WORD}),
        "head": {"labels": LABELS, **head, "type": path + head["type"]},
    }
    return {**config, "encoder": dict(encoder)} if encoder else config


def archive(folder: Path, config: Mapping[str, Any], said: Mapping[str, Any] | None = None) -> Path:
    """The archive of a pipeline; `said` is what it holds for a configuration, if not the true one."""
    files = {f"{name}.txt": "\n".join(lines) for name, lines in VOCABULARY.items()}
    torch.manual_seed(3)
    with hub.using(HUB):
        model = build_model(pipeline_configuration(config), vocabulary_from_files(files))
    path = folder / "random.tar.gz"
    write_archive(path, {"model": {"type": "PipelineModel", "config": said or config}}, model.state_dict(), VOCABULARY)
    return path


def classifier(folder: Path, config: Mapping[str, Any]) -> ArchiveClassifier:
    loaded = load_classifier(archive(folder, config), hub=HUB)
    assert isinstance(loaded, ArchiveClassifier)
    return loaded


def text(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(2, 9)))


def instance(kind: str, chance: random.Random) -> dict[str, Any]:
    """One that a classifier of this kind takes."""
    match kind:
        case "text":
            return {"text": text(chance)}
        case "document":
            return {"text": [text(chance) for _ in range(chance.randint(2, 5))]}
        case "record":
            return {key: text(chance) for key in RECORD["record_keys"]}
        case "relation":
            words = text(chance)
            return {"text": words, "entities": [{"start": 0, "end": len(words.split()[0]), "label": "subject"}]}
    return {name: {f"f{i}": text(chance) for i in range(chance.randint(2, 5))} for name in ("record1", "record2")}


def logits(classifier: ArchiveClassifier, features: list[Features]) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = classifier.label_set.head(classifier.encode(classifier.collate(features)))
    return found
