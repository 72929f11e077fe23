"""Archives made on the spot: small honest ones, and hostile ones."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Members = dict[str, bytes]

CONFIG: dict[str, Any] = {
    "dataset_reader": {
        "type": "text_classification_json",
        "tokenizer": {"type": "word", "word_splitter": {"type": "just_spaces"}},
        "token_indexers": {"tokens": {"type": "single_id"}},
    },
    "model": {
        "type": "basic_classifier",
        "text_field_embedder": {"tokens": {"type": "embedding", "embedding_dim": 3}},
        "seq2vec_encoder": {"type": "boe", "embedding_dim": 3},
    },
    "iterator": {"type": "basic"},
}
WEIGHTS: dict[str, Tensor] = {
    "_text_field_embedder.token_embedder_tokens.weight": torch.arange(12.0).view(4, 3),
    "_classification_layer.weight": torch.eye(2, 3),
    "_classification_layer.bias": torch.zeros(2),
}
VOCABULARY = {
    "vocabulary/tokens.txt": b"@@UNKNOWN@@\ngood\nbad",
    "vocabulary/labels.txt": b"pos\nneg\n",
    "vocabulary/non_padded_namespaces.txt": b"*tags\n*labels\n",
}


def serialized(weights: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    return buffer.getvalue()


def members(
    config: Any = CONFIG, weights: Any = WEIGHTS, vocabulary: Mapping[str, bytes] = VOCABULARY, **more: bytes
) -> Members:
    """The members of an honest archive, or of one with a part exchanged."""
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    data = weights if isinstance(weights, bytes) else serialized(weights)
    return {"config.json": text, "weights.th": data, **vocabulary, **more}


def packed(path: Path, files: Members, add: Callable[[tarfile.TarFile], None] | None = None) -> Path:
    """A tar.gz of `files`; `add` puts in what an honest archive does not hold."""
    with tarfile.open(path, "w:gz") as tar:
        if add is not None:
            add(tar)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path
