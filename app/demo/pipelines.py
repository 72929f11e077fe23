"""The demo models that are biome.text 3.3 pipelines."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

INTENTS = [
    "cancel",
    "change_address",
    "damaged",
    "delivery",
    "invoice",
    "login",
    "product_question",
    "refund",
]
DUPLICATE = ["duplicate", "not_duplicate"]


def config_of(name: str, features: Config, head: Config, encoder: Config | None = None) -> Config:
    """The configuration file of a pipeline's archive."""
    tokenizer = {"spacy_model": "en_core_web_sm", "truncate_input": None, "remove_space_tokens": True}
    pipeline = {"name": name, "tokenizer": tokenizer, "features": features, "head": head, "encoder": encoder}
    return {"model": {"type": "PipelineModel", "config": pipeline}}


def words(dim: int) -> Config:
    return {"embedding_dim": dim, "lowercase_tokens": True}


def characters(dim: int, hidden_size: int) -> Config:
    """A GRU over each word's characters."""
    encoder = {"type": "gru", "hidden_size": hidden_size, "bidirectional": True}
    return {"embedding_dim": dim, "lowercase_characters": True, "encoder": encoder, "dropout": 0.1}


def gru(hidden_size: int) -> Config:
    return {"type": "gru", "hidden_size": hidden_size, "num_layers": 1, "bidirectional": True}


def support_messages() -> Config:
    head = {
        "type": "biome.text.modules.heads.classification.text_classification.TextClassification",
        "labels": INTENTS,
        "pooler": {"type": "boe", "averaged": True},
        "feedforward": {"num_layers": 1, "hidden_dims": [32], "activations": ["relu"], "dropout": [0.2]},
        "dropout": 0.2,
    }
    return config_of("support-messages", {"word": words(32), "char": characters(16, 16)}, head, gru(32))


def duplicate_records() -> Config:
    """Fields are compared as the mean of their words, those by their characters: what typing errors change least."""
    windows = {"type": "cnn", "num_filters": 16, "ngram_filter_sizes": [2, 3, 4], "conv_layer_activation": "tanh"}
    head = {
        "type": "biome.text.modules.heads.classification.record_pair_classification.RecordPairClassification",
        "labels": DUPLICATE,
        "field_encoder": {"type": "boe", "averaged": True},
        "record_encoder": {"type": "pass_through"},
        "matcher_forward": {"is_forward": True, "num_perspectives": 8, "with_max_attentive_match": False},
        "aggregator": gru(24),
        "classifier_feedforward": {"num_layers": 1, "hidden_dims": [32], "activations": ["relu"], "dropout": [0.1]},
        "dropout": 0.0,
    }
    features = {"char": {"embedding_dim": 16, "lowercase_characters": True, "encoder": windows}}
    return config_of("duplicate-records", features, head)
