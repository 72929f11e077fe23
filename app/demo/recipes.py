"""The demo models: which data set, which architecture, how long to train.

The configurations here are biome.text 0.3's, those in pipelines.py 3.3's. The pair classifiers of 0.3 score a pair as
the sum of a score for each side (one linear layer over both vectors side by side), so they can compare
(`better-record`: which of two is more complete; `similar-prices`: which of two is dearer) but cannot match. Matching
takes BiMPM (`duplicates`, `duplicate-records`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.demo import pipelines

Config = dict[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """One demo model, named as in the store."""

    name: str
    dataset: str
    config: Config
    instance: Callable[[Row], Config]
    epochs: int
    learning_rate: float
    label: str = "label"
    """The key of the row that holds the label; rows without it are left out."""
    batch_size: int = 32
    min_count: int = 1
    """Words that occur less often in training are unknown words.

    It keeps a phone number from being a word, which would give duplicates away: theirs occur twice."""
    mute_unknown_words: bool = False
    """Whether the embedding of unknown words is zero, for a model that reads their characters too.

    Otherwise "unknown" is itself a feature, which labels learned later take for theirs."""


def config_of(model: Config, *, as_text_field: bool = True, characters: bool = False, min_tokens: int = 0) -> Config:
    """The configuration file of an archive for a model section."""
    padding = {"token_min_padding_length": min_tokens} if min_tokens else {}
    indexers: Config = {"tokens": {"type": "single_id", "lowercase_tokens": True, **padding}}
    if characters:
        indexers["token_characters"] = {"type": "characters", "min_padding_length": max(CHARACTER_WINDOWS), **padding}
    return {
        "dataset_reader": {
            "type": model["type"],
            "as_text_field": as_text_field,
            "tokenizer": {"type": "word", "word_splitter": {"type": "spacy"}},
            "token_indexers": indexers,
        },
        "model": model,
        "iterator": {"type": "bucket", "batch_size": 32, "sorting_keys": []},
        "trainer": {"type": "default", "optimizer": {"type": "adam"}},
    }


CHARACTER_WINDOWS = [2, 3, 4]


def words(dim: int) -> Config:
    return {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": dim}}}


def words_and_characters(dim: int, filters: int, activation: str = "relu") -> Config:
    """Word embeddings beside a CNN over each word's characters: `dim + 3 * filters` numbers per token."""
    encoder = {
        "type": "cnn",
        "embedding_dim": 16,
        "num_filters": filters,
        "ngram_filter_sizes": CHARACTER_WINDOWS,
        "conv_layer_activation": activation,
    }
    embedder = {"type": "character_encoding", "embedding": {"embedding_dim": 16}, "encoder": encoder}
    return {"token_embedders": {**words(dim)["token_embedders"], "token_characters": embedder}}


def gru(input_size: int, hidden_size: int, *, bidirectional: bool = True) -> Config:
    return {"type": "gru", "input_size": input_size, "hidden_size": hidden_size, "bidirectional": bidirectional}


def business_names() -> Config:
    model = {
        "type": "sequence_classifier",
        "text_field_embedder": words_and_characters(64, 32),
        "seq2vec_encoder": {
            "type": "cnn",
            "embedding_dim": 64 + 3 * 32,
            "num_filters": 256,
            "ngram_filter_sizes": [1],
        },
        "dropout": 0.3,
    }
    # Names are padded to two words, so that a filter over pairs can take the place of one over words.
    return config_of(model, characters=True, min_tokens=2)


def products() -> Config:
    model = {
        "type": "sequence_classifier",
        "text_field_embedder": words_and_characters(32, 16),
        "seq2vec_encoder": gru(32 + 3 * 16, 32),
        "multifield_seq2vec_encoder": gru(64, 32),
        "dropout": 0.2,
        "multifield_dropout": 0.1,
    }
    return config_of(model, as_text_field=False, characters=True)


def better_record() -> Config:
    model = {
        "type": "sequence_pair_classifier",
        "text_field_embedder": words_and_characters(24, 16),
        "seq2vec_encoder": gru(24 + 3 * 16, 32),
        "dropout": 0.4,
    }
    return config_of(model, characters=True)


def similar_prices() -> Config:
    model = {
        "type": "similarity_classifier",
        "text_field_embedder": words(32),
        "seq2vec_encoder": gru(32, 32),
        "multifield_seq2vec_encoder": {"type": "boe", "embedding_dim": 64},
        "feed_forward": {
            "input_dim": 64,
            "num_layers": 1,
            "hidden_dims": [48],
            "activations": ["relu"],
            "dropout": [0.0],
        },
        "dropout": 0.2,
        "verification_weight": 0.5,
    }
    return config_of(model, as_text_field=False)


def duplicates() -> Config:
    dim, hidden, perspectives = 8 + 3 * 12, 8, 4

    def matcher(size: int, *, forward: bool, full_match: bool = True) -> Config:
        return {
            "hidden_dim": size,
            "is_forward": forward,
            "num_perspectives": perspectives,
            "with_full_match": full_match,
            "with_max_attentive_match": False,
        }

    matchers = {
        "matcher_word": matcher(dim, forward=True, full_match=False),
        "matcher_forward1": matcher(hidden, forward=True),
        "matcher_backward1": matcher(hidden, forward=False),
        "matcher_forward2": matcher(hidden, forward=True),
        "matcher_backward2": matcher(hidden, forward=False),
    }
    # Cosines (2), max-pooling (2 p), attentive and full matching (p + 1 each).
    matching_dim = (2 + 2 * perspectives + perspectives + 1) + 4 * (2 + 2 * perspectives + 2 * (perspectives + 1))
    model = {
        "type": "biome_bimpm",
        "text_field_embedder": words_and_characters(8, 12, activation="tanh"),
        **matchers,
        "encoder1": gru(dim, hidden),
        "encoder2": gru(2 * hidden, hidden),
        "aggregator": gru(matching_dim, 12),
        "classifier_feedforward": {
            "input_dim": 48,
            "num_layers": 2,
            "hidden_dims": [32, 2],
            "activations": ["relu", "linear"],
            "dropout": [0.1, 0.0],
        },
        "dropout": 0.0,
    }
    return config_of(model, characters=True)


def text(row: Row) -> Config:
    return {"tokens": row["text"]}


def record(row: Row) -> Config:
    return {"tokens": row["record"]}


def pair_of_records(row: Row) -> Config:
    return {"record1": row["record1"], "record2": row["record2"]}


def plain_text(row: Row) -> Config:
    return {"text": row["text"]}


def pair_of_full_records(row: Row) -> Config:
    """biome.text 3.x refuses an empty field; one of a space keeps its place, and its key."""
    records = pair_of_records(row).items()
    return {name: {key: value or " " for key, value in fields.items()} for name, fields in records}


def pair_of_texts(row: Row) -> Config:
    return {name: ", ".join(filter(None, value.values())) for name, value in pair_of_records(row).items()}


RECIPES = (
    Recipe(
        "business-names",
        "business_names",
        business_names(),
        text,
        epochs=4,
        learning_rate=0.0015,
        mute_unknown_words=True,
    ),
    Recipe("products", "product_records", products(), record, epochs=6, learning_rate=0.003, min_count=2),
    Recipe("duplicates", "duplicate_records", duplicates(), pair_of_texts, epochs=4, learning_rate=0.005, min_count=30),
    Recipe(
        "better-record",
        "duplicate_records",
        better_record(),
        pair_of_texts,
        epochs=8,
        learning_rate=0.003,
        label="keep",
        min_count=3,
    ),
    Recipe(
        "similar-prices",
        "product_prices",
        similar_prices(),
        pair_of_records,
        epochs=10,
        learning_rate=0.004,
        min_count=2,
    ),
    Recipe(
        "support-messages",
        "support_messages",
        pipelines.support_messages(),
        plain_text,
        epochs=5,
        learning_rate=0.004,
        min_count=2,
    ),
    Recipe(
        "duplicate-records",
        "duplicate_records",
        pipelines.duplicate_records(),
        pair_of_full_records,
        epochs=4,
        learning_rate=0.004,
    ),
)
