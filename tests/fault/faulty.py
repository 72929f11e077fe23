"""A real archive whose model fails where it meets certain words, inside its own forward."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.classifier import Classifier
from models.loading import load_classifier
from tests.unit.models.archives import CONFIG, members, packed

HONEST = [f"w{number}" for number in range(64)]
BREAK, SHORT, MEMORY = "breakword", "shortword", "memoryword"
WORDS = [*HONEST, BREAK, SHORT, MEMORY]
IDS = {word: number for number, word in enumerate(["", "@@UNKNOWN@@", *WORDS])}
FIRST_WORD = 2
MOST_WITH_MEMORY_WORD = 4
"""A batch of more instances than this is out of memory where MEMORY is in it."""


def write_archive(path: Path) -> Path:
    generator = torch.Generator().manual_seed(7)
    weights = {
        "_text_field_embedder.token_embedder_tokens.weight": torch.randn(len(IDS), 3, generator=generator),
        "_classification_layer.weight": torch.randn(2, 3, generator=generator),
        "_classification_layer.bias": torch.zeros(2),
    }
    vocabulary = {
        "vocabulary/tokens.txt": "\n".join(["@@UNKNOWN@@", *WORDS]).encode(),
        "vocabulary/labels.txt": b"pos\nneg\n",
        "vocabulary/non_padded_namespaces.txt": b"*tags\n*labels\n",
    }
    return packed(path, members(config=CONFIG, weights=weights, vocabulary=vocabulary))


def load_faulty(path: Path) -> Classifier:
    """The archive's classifier, whose model fails where it embeds and where it has pooled."""
    classifier = load_classifier(path)
    model: Any = classifier.model  # type: ignore[attr-defined]  # an ArchiveClassifier
    here = threading.local()  # parts of a batch run beside each other
    pool = model.pool

    def before(module: nn.Module, inputs: Any) -> None:
        tokens = inputs[0].get("tokens")
        if tokens is None:
            return  # an explanation brings its embeddings along
        (ids,) = tokens.values()
        met = here.__dict__.setdefault("met", set())
        if bool((ids >= FIRST_WORD).any()):  # an explanation's baseline holds none, and belongs to the batch before it
            met.clear()
        met.update(word for word in (BREAK, SHORT, MEMORY) if bool((ids == IDS[word]).any()))
        if BREAK in met:
            raise IndexError("index out of range in self")
        if MEMORY in met and len(ids) > MOST_WITH_MEMORY_WORD:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    def pool_short(*inputs: Any) -> torch.Tensor:
        pooled: torch.Tensor = pool(*inputs)
        return pooled[:-1] if SHORT in here.met else pooled

    model._text_field_embedder.register_forward_pre_hook(before)
    model.pool = pool_short
    return classifier
