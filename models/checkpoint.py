"""Hugging Face checkpoints of sequence classifiers: a folder, or a packed archive of one.

BERT runs as BERTForSequenceClassification; any other architecture as transformers' own model for sequence
classification, with its last linear layer taken off as the head.
"""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSequenceClassification, BertConfig, PretrainedConfig

from models import hub
from models.archive import Archive
from models.bert_encoder import runs_packed
from models.bert_for_sequence_classification import BERTForSequenceClassification
from models.classifier import Batch, Classifier, Features, InputSchema, Instance, LabelSet, Source, padded_tokens, weigh
from models.config_policy import parse_config
from models.errors import InvalidInstance, UnsupportedArchive
from models.indexers import mask_of, pad
from models.pair_tokenizer import PairTokenizer
from models.weights import load_weights

NAMES = ("text", "text_pair")
TOKENIZER_CONFIG = "tokenizer_config.json"


def is_checkpoint(config: Mapping[str, Any]) -> bool:
    return "model_type" in config


def build_checkpoint(archive: Archive) -> CheckpointClassifier:
    """Raises UnsupportedArchive for a checkpoint that is no sequence classifier, and ValueError for odd parts."""
    architectures = archive.config.get("architectures") or ["a sequence classifier"]
    if not all("SequenceClassification" in name or name == "a sequence classifier" for name in architectures):
        reason = f"holds {', '.join(architectures)}; only ...ForSequenceClassification checkpoints are classifiers"
        raise UnsupportedArchive(archive.name, "config.json", reason)
    # transformers reads files only; what was read under the archive's limits is laid out for it, and gone again after.
    with tempfile.TemporaryDirectory(prefix="vitrine-") as folder:
        for name, data in archive.files.items():
            (Path(folder) / name).write_bytes(_without_places(archive, name, data))
        config = AutoConfig.for_model(**hub.without_places(archive.config))
        _check_task(archive, config)
        tokenizer = PairTokenizer(_tokenizer_folder(archive, Path(folder)), config)
    model, head = _build_model(config)
    load_weights(archive.name, model, archive.weights)
    encoder: nn.Module = model if isinstance(model, BERTForSequenceClassification) else Headless(model, head)
    names: Mapping[int, str] = config.id2label or {}
    labels = tuple(str(names[index]) for index in range(config.num_labels))
    return CheckpointClassifier(config, tokenizer, encoder, LabelSet(labels, head))


def _without_places(archive: Archive, name: str, data: bytes) -> bytes:
    """A tokenizer's configuration may name other files of this machine to read; those of the archive are read."""
    if name != TOKENIZER_CONFIG:
        return data
    return json.dumps(hub.without_places(parse_config(archive.name, name, data))).encode()


def _check_task(archive: Archive, config: PretrainedConfig) -> None:
    if config.problem_type == "regression" or config.num_labels < 2:
        reason = "is a regression (one number, no labels); only classifiers are served"
        raise UnsupportedArchive(archive.name, "config.json", reason)


def _tokenizer_folder(archive: Archive, folder: Path) -> Path:
    """The checkpoint's own tokenizer files; without any, those of the model it says it is, in the hub directory."""
    if any(
        name in archive.files for name in ("tokenizer.json", "vocab.txt", "vocab.json", "spm.model", "spiece.model")
    ):
        return folder
    return hub.folder(str(archive.config.get("_name_or_path") or archive.name), ["tokenizer.json or vocab.txt"])


def _build_model(config: PretrainedConfig) -> tuple[nn.Module, nn.Linear]:
    if isinstance(config, BertConfig):
        bert = BERTForSequenceClassification(config, config.num_labels)
        return bert, bert.classifier
    model = AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
    return model, last_linear(model, config.num_labels)


def last_linear(model: nn.Module, num_labels: int) -> nn.Linear:
    """The linear layer that gives the logits. Raises ValueError where there is none."""
    linear = [
        module for module in model.modules() if isinstance(module, nn.Linear) and module.out_features == num_labels
    ]
    if not linear:
        raise ValueError(f"{type(model).__name__} has no linear layer of {num_labels} labels")
    return linear[-1]


class Headless(nn.Module):
    """A model whose last linear layer passes its input on: what it gives as logits is what the head sees."""

    head_name: str
    """What the weights call the layer that was taken off."""

    def __init__(self, model: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.head_name = next(name for name, module in model.named_modules() if module is head)
        parent, name = next(
            (parent, name) for parent in model.modules() for name, child in parent.named_children() if child is head
        )
        setattr(parent, name, nn.Identity())
        self.model = model

    def encode(self, **inputs: Tensor) -> Tensor:
        """(batch, length) ids -> (batch, dim)."""
        vectors: Tensor = self.model(**inputs).logits
        return vectors


class CheckpointClassifier(Classifier):
    """Takes `text`, and `text_pair` for models that compare two texts."""

    kind = "text"

    def __init__(
        self, config: PretrainedConfig, tokenizer: PairTokenizer, model: nn.Module, label_set: LabelSet
    ) -> None:
        self.tokenizer = tokenizer
        self.model = model.eval().requires_grad_(False)
        self.label_set = LabelSet(label_set.labels, label_set.head.eval().requires_grad_(False))
        self.multilabel = config.problem_type == "multi_label_classification"
        self.inputs = _schema()
        versions = str(getattr(config, "transformers_version", None) or "any")
        architecture = (config.architectures or [f"{config.model_type} for sequence classification"])[0]
        self.source = Source("transformers", versions, architecture)
        self.parameters, self.size_bytes = weigh(model, label_set.head)
        self._with_types = tokenizer.gives_types and _takes_types(model, config)
        self.padding_safe = self._padding_changes_nothing()
        if isinstance(model, BERTForSequenceClassification) and runs_packed(model.config):
            self.packed, self.reducible = True, model.bert.encoder

    @torch.inference_mode()
    def _padding_changes_nothing(self) -> bool:
        """Tried, because some architectures (XLNet, say) read the last position, padded or not."""
        short, long = self.featurize("a"), self.featurize("a text of more words than the other one")
        alone = self.encode(self.collate([short]))
        padded = self.encode(self.collate([short, long]))[:1]
        return torch.allclose(alone, padded, atol=PADDING_TOLERANCE)

    def featurize(self, instance: Instance) -> Features:
        text, pair = texts_of(instance)
        pieces = self.tokenizer.tokenize(text, pair)
        truncated = tuple(name for name, value in zip(NAMES, (text, pair), strict=True) if value is not None)
        return Features(
            {"input_ids": pieces.ids, "token_type_ids": pieces.type_ids},
            shape=((1, len(pieces.ids)),),
            truncated=truncated if pieces.cut else (),
        )

    def collate(self, features: Sequence[Features]) -> Batch:
        ids = [one.inputs["input_ids"] for one in features]
        lengths = list(map(len, ids))
        width = max(lengths)
        tensors = {
            "input_ids": pad(ids, width, self.tokenizer.padding_id),
            "attention_mask": mask_of(lengths, width, dtype=int),
        }
        if self._with_types:
            tensors["token_type_ids"] = pad([one.inputs["token_type_ids"] for one in features], width)
        padded = padded_tokens([one.shape for one in features])
        return Batch(tensors, size=len(features), real_tokens=sum(lengths), padded_tokens=padded)

    def encode(self, batch: Batch) -> Tensor:
        encode: Any = self.model.encode
        vectors: Tensor = encode(**batch.tensors)
        return vectors

    def words(self) -> Sequence[str]:
        return self.tokenizer.words()

    def to(self, device: torch.device) -> None:
        self.model.to(device)
        self.label_set.head.to(device)


PADDING_TOLERANCE = 1e-4
"""How far padding may move a vector, by rounding."""


def _takes_types(model: nn.Module, config: PretrainedConfig) -> bool:
    """Whether the model tells the texts of a pair apart; some are given types that they have no embedding for."""
    forward = model.model.forward if isinstance(model, Headless) else model.forward
    return "token_type_ids" in inspect.signature(forward).parameters and getattr(config, "type_vocab_size", 2) > 1


def _schema() -> InputSchema:
    schema = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in NAMES},
        "required": ["text"],
        "additionalProperties": False,
    }
    return InputSchema(NAMES, schema, {"text": "A table for two on Friday, please."}, text_input="text")


def texts_of(instance: Instance) -> tuple[str, str | None]:
    """The text and its pair. Raises InvalidInstance."""
    if isinstance(instance, str):
        return instance, None
    if not isinstance(instance, Mapping):
        raise InvalidInstance("an instance is a string or an object with 'text' and, for a pair, 'text_pair'.")
    unknown = sorted(set(instance) - set(NAMES))
    if unknown:
        raise InvalidInstance(
            f"unknown input {unknown[0]!r}; this classifier takes 'text' and 'text_pair'.", unknown[0]
        )
    if "text" not in instance:
        raise InvalidInstance("'text' is missing; send {'text': ...}, with 'text_pair' for a pair.", "text")
    for name, value in instance.items():
        if not isinstance(value, str):
            raise InvalidInstance(f"{name!r} must be a string.", name)
    return instance["text"], instance.get("text_pair")
