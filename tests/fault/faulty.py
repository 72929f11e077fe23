"""A real archive whose model fails where it meets certain words, inside its own forward."""

from __future__ import annotations

import itertools
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
    """The archive's classifier, with hooks on the modules of its model."""
    classifier = load_classifier(path)
    model: Any = classifier.model  # type: ignore[attr-defined]  # an ArchiveClassifier
    embedding = next(module for module in model.modules() if "Embedding" in type(module).__name__)
    here = threading.local()  # parts of a batch run beside each other

    def before(module: nn.Module, inputs: Any) -> None:
        met = here.__dict__.setdefault("met", set())
        ids = next(value for value in itertools.chain(*inputs_of(inputs)) if isinstance(value, torch.Tensor))
        if bool((ids >= FIRST_WORD).any()):  # an explanation's baseline holds none, and belongs to the batch before it
            met.clear()
        met.update(word for word in (BREAK, SHORT, MEMORY) if bool((ids == IDS[word]).any()))
        if BREAK in met:
            raise IndexError("index out of range in self")
        if MEMORY in met and len(ids) > MOST_WITH_MEMORY_WORD:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    def after(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        return output[:-1] if SHORT in here.met else output

    embedding.register_forward_pre_hook(before)
    model._seq2vec_encoder.register_forward_hook(after)
    return classifier


def inputs_of(inputs: Any) -> Any:
    return (value.values() if isinstance(value, dict) else [value] for value in inputs)
