"""AllenNLP 0.8 - 0.9 model configurations -> what AllenNLP 2.10 builds the same model from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

_EMBEDDER_OPTIONS = {"type", "allow_unmatched_keys", "embedder_to_indexer_map", "token_embedders"}
_RECURRENT_OPTIONS_GONE = ("batch_first",)
_AUGMENTED_LSTM = re.compile(r"(?<!\.cell)\.(?=(?:input|state)_linearity\.)")


def is_legacy(config: Mapping[str, Any], version: str | None) -> bool:
    """Whether an archive is of AllenNLP 0.x: those have an `iterator`, later ones a `data_loader`.

    A configuration with neither is told by the parts that only 0.x had. `version` is that of meta.json (2.9 on).
    """
    if version is not None or "data_loader" in config:
        return False
    reader = config.get("dataset_reader", {})
    tokenizer = reader.get("tokenizer", {})
    old_parts = isinstance(tokenizer, dict) and (tokenizer.get("type") == "word" or "word_splitter" in tokenizer)
    return "iterator" in config or old_parts or reader.get("type") != "text_classification_json"


def upgraded_model(model: Mapping[str, Any]) -> dict[str, Any]:
    upgraded = {key: _upgraded(value) for key, value in model.items()}
    if isinstance(upgraded.get("text_field_embedder"), dict):
        upgraded["text_field_embedder"] = _text_field_embedder(upgraded["text_field_embedder"])
    if isinstance(upgraded.get("regularizer"), list):
        upgraded["regularizer"] = {"regexes": upgraded["regularizer"]}
    return upgraded


def upgraded_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights by the names of today: AllenNLP 1.0 put those of an augmented LSTM into a cell."""
    return {_AUGMENTED_LSTM.sub(".cell.", name): tensor for name, tensor in weights.items()}


def _upgraded(node: Any) -> Any:
    if isinstance(node, list):
        return [_upgraded(child) for child in node]
    if not isinstance(node, dict):
        return node
    node = {key: _upgraded(child) for key, child in node.items() if key not in _RECURRENT_OPTIONS_GONE}
    if node.get("type") == "character_encoding" and isinstance(node.get("embedding"), dict):
        node["embedding"] = {"vocab_namespace": "token_characters", **node["embedding"]}
    return node


def _text_field_embedder(embedder: dict[str, Any]) -> dict[str, Any]:
    """0.9 also took the token embedders directly, beside the options, and indexers under other names."""
    direct = {key: value for key, value in embedder.items() if key not in _EMBEDDER_OPTIONS}
    embedders = {**direct, **embedder.get("token_embedders", {})}
    return {"type": embedder.get("type", "basic"), "token_embedders": embedders}
