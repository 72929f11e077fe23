"""A real classifier of a few lines: words hashed to embeddings, their mean, a linear head.

Its archive is a JSON file named model.tar.gz: {"labels": [...], "multilabel": false, "seed": 0, ...}.
Some words are orders: they make it slow, fail or run out of memory, so that tests need no mocks.
"""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from app.errors import DeviceLost
from models.classifier import Batch, Classifier, Features, InputSchema, Instance, LabelSet, Source
from models.errors import BrokenArchive, InvalidInstance
from models.explainable import Embedded, Explainable, InputToken, Tokenization

BUCKETS, DIM, MAX_WORDS = 997, 16, 200


class TinyClassifier(Classifier):
    kind = "text"
    source = Source("tiny", "1", "TinyClassifier")
    padding_safe = True

    def __init__(
        self, labels: Sequence[str], *, multilabel: bool, seed: int, batch_seconds: float, example: str
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.multilabel = multilabel
        self.batch_seconds = batch_seconds
        self.embeddings = torch.randn(BUCKETS, DIM, generator=generator)
        head = nn.Linear(DIM, len(labels))
        with torch.no_grad():
            head.weight.copy_(torch.randn(len(labels), DIM, generator=generator))
            head.bias.zero_()
        self.label_set = LabelSet(tuple(labels), head)
        self.parameters = self.embeddings.numel() + sum(weight.numel() for weight in head.parameters())
        self.size_bytes = 4 * self.parameters
        self.inputs = InputSchema(
            names=("text",),
            json_schema={
                "type": "object",
                "properties": {"text": {"type": "string"}},
                "required": ["text"],
                "additionalProperties": False,
            },
            example={"text": example},
            text_input="text",
        )

    def featurize(self, instance: Instance) -> Features:
        text = self._text(instance)
        words = text.split()
        if not words:
            raise InvalidInstance("text is empty. Send at least one word.", "text")
        if "BREAK_FEATURIZE" in words:
            raise LookupError(text)
        ids = [zlib.crc32(word.encode()) % BUCKETS for word in words[:MAX_WORDS]]
        cut = ("text",) if len(words) > MAX_WORDS else ()
        return Features({"ids": ids, "orders": set(words)}, ((1, len(ids)),), cut)

    def _text(self, instance: Instance) -> str:
        if isinstance(instance, str):
            return instance
        if set(instance) != {"text"}:
            raise InvalidInstance(f"Accepted: text. Sent: {', '.join(instance) or 'nothing'}.")
        if not isinstance(instance["text"], str):
            raise InvalidInstance("text must be a string.", "text")
        return instance["text"]

    def collate(self, features: Sequence[Features]) -> Batch:
        longest = max(len(one.inputs["ids"]) for one in features)
        ids = torch.zeros(len(features), longest, dtype=torch.long)
        mask = torch.zeros(len(features), longest)
        for row, one in enumerate(features):
            ids[row, : len(one.inputs["ids"])] = torch.tensor(one.inputs["ids"])
            mask[row, : len(one.inputs["ids"])] = 1
        orders = set().union(*(one.inputs["orders"] for one in features))
        if "BREAK_COLLATE" in orders:
            raise ValueError("told to break in collate")
        nans = torch.tensor(["NO_ANSWER" in one.inputs["orders"] for one in features])
        tensors = {"ids": ids, "mask": mask, "nans": nans, "orders": orders}
        return Batch(tensors, len(features), int(mask.sum()), ids.numel())

    def explainable(self) -> Explainable:
        return ExplainableTiny(self)

    def encode(self, batch: Batch) -> Tensor:
        return self.encode_embedded(batch, self.embeddings[batch.tensors["ids"]])

    def encode_embedded(self, batch: Batch, embedded: Tensor) -> Tensor:
        """(batch, words, DIM) -> (batch, DIM)."""
        time.sleep(self.batch_seconds)
        orders = batch.tensors["orders"]
        if "BREAK_ENCODE" in orders:
            raise IndexError("told to break in encode")
        if "OUT_OF_MEMORY" in orders and batch.size > 1:
            raise torch.OutOfMemoryError("told to be out of memory")
        if "LOSE_DEVICE" in orders:
            raise DeviceLost
        if "SLOW" in orders:
            time.sleep(1.0)
        if "FOREVER" in orders:
            time.sleep(600)
        mask = batch.tensors["mask"].unsqueeze(-1)  # (batch, words, 1)
        vectors = (embedded * mask).sum(1) / mask.sum(1)  # (batch, DIM)
        return vectors.masked_fill(batch.tensors["nans"].unsqueeze(-1), float("nan"))

    def to(self, device: torch.device) -> None:
        self.embeddings = self.embeddings.to(device)
        self.label_set.head.to(device)


class ExplainableTiny(Explainable):
    baselines = ("pad", "zero")

    def __init__(self, classifier: TinyClassifier) -> None:
        self.classifier = classifier

    def embed(self, batch: Batch) -> Embedded:
        return [self.classifier.embeddings[batch.tensors["ids"]]]

    def encode(self, batch: Batch, embedded: Embedded) -> Tensor:
        return self.classifier.encode_embedded(batch, embedded[0])

    def blank(self, batch: Batch, embedded: Embedded, baseline: str) -> Embedded:
        if baseline == "zero":
            return [torch.zeros_like(embedded[0])]
        return [self.classifier.embeddings[0].expand_as(embedded[0])]

    def tokenization(self, instance: Instance, features: Features) -> Tokenization:
        text = self.classifier._text(instance)
        words = list(re.finditer(r"\S+", text))[:MAX_WORDS]
        tokens = [InputToken(0, (i,), word.group(), "text", *word.span()) for i, word in enumerate(words)]
        return Tokenization(tokens, {"text": text})


def load_tiny(path: Path) -> Classifier:
    try:
        config = json.loads(path.read_text())
        time.sleep(config.get("load_seconds", 0))
        return TinyClassifier(
            config["labels"],
            multilabel=config.get("multilabel", False),
            seed=config.get("seed", 0),
            batch_seconds=config.get("batch_seconds", 0.0),
            example=config.get("example", "a fine example"),
        )
    except (ValueError, KeyError) as error:
        raise BrokenArchive(path.name, "config.json", f"it does not say {error}.") from error


def write_tiny(store: Path, name: str, **config: object) -> Path:
    path = store / f"{name}.tar.gz"
    path.write_text(json.dumps(config))
    return path
