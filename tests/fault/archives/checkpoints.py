"""Hugging Face checkpoints that would fetch, read or allocate."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification

from tests.fault.archives import Hostile
from tests.unit.models.archives import packed

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad"]
SECRET = "/etc/passwd"


@cache
def honest() -> Mapping[str, bytes]:
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    config = BertConfig(vocab_size=len(PIECES), max_position_embeddings=16, num_labels=2, **sizes)
    config.architectures = ["BertForSequenceClassification"]
    weights = io.BytesIO()
    torch.save(BertForSequenceClassification(config).state_dict(), weights)
    return {
        "config.json": config.to_json_string().encode(),
        "pytorch_model.bin": weights.getvalue(),
        "vocab.txt": "\n".join(PIECES).encode(),
        "tokenizer_config.json": b'{"do_lower_case": true}',
    }


def checkpoint(config: Mapping[str, Any] | None = None, **files: bytes) -> Callable[[Path], Path]:
    """The honest one with members of its configuration, or files, exchanged."""
    changes = {name.replace("__", "."): data for name, data in files.items()}

    def build(path: Path) -> Path:
        given = {**json.loads(honest()["config.json"]), **(config or {})}
        return packed(path, {**honest(), "config.json": json.dumps(given).encode(), **changes})

    return build


def tokenizer_config(**options: Any) -> Callable[[Path], Path]:
    return checkpoint(tokenizer_config__json=json.dumps(options).encode())


def slow(tokenizer: str) -> Callable[[Path], Path]:
    return tokenizer_config(tokenizer_class=tokenizer)


LARGER = "larger than the weights|largest dimension|labels"
REMOTE = {"AutoModelForSequenceClassification": "evil--repo.Model", "AutoConfig": "evil.Config", "AutoTokenizer": "e.T"}
KERNEL_OPTIONS = "attn_implementation", "_attn_implementation", "_attn_implementation_internal"
"""The last one is CVE-2026-4372 of transformers before 5.3: code of a hub's repository, fetched and run."""

CHECKPOINTS: dict[str, Hostile] = {
    "checkpoint of a billion layers": Hostile(checkpoint({"num_hidden_layers": 1_000_000_000}), LARGER),
    "checkpoint of a million layers": Hostile(checkpoint({"num_hidden_layers": 1_000_000}), LARGER),
    "checkpoint of a million units": Hostile(checkpoint({"hidden_size": 1_000_000}), LARGER),
    "checkpoint of a million words": Hostile(checkpoint({"vocab_size": 1_000_000, "hidden_size": 8000}), LARGER),
    "checkpoint of a million labels": Hostile(checkpoint({"num_labels": 1_000_000}), LARGER),
    "checkpoint of another model": Hostile(checkpoint({"architectures": ["BertForPreTraining"]}), "only"),
    "checkpoint of an unknown type": Hostile(checkpoint({"model_type": "../../evil"}), "model"),
    "tokenizer that is no JSON": Hostile(checkpoint(tokenizer__json=b"[" * 100_000), "."),
    "tokenizer configuration too deep": Hostile(checkpoint(tokenizer_config__json=b"[" * 100_000), "nested|JSON"),
    "tokenizer of another checkpoint": Hostile(slow("../../evil"), "."),
}
"""Refused."""

HARMLESS: dict[str, Callable[[Path], Path]] = {
    "remote code": checkpoint({"auto_map": REMOTE, "trust_remote_code": True}),
    "kernel of a hub": checkpoint(dict.fromkeys(KERNEL_OPTIONS, "evil/kernel")),
    "tokenizer of remote code": tokenizer_config(auto_map={"AutoTokenizer": ["evil.T", None]}, trust_remote_code=True),
    "vocabulary of another place": tokenizer_config(vocab_file=SECRET),
    "tokenizer of another place": tokenizer_config(tokenizer_file=SECRET, special_tokens_map_file=SECRET),
    "name of a place": checkpoint({"_name_or_path": SECRET, "name_or_path": "/etc"}),
}
"""Served without what they ask for."""
