"""What a wider head changes in an archive: its weights, its labels, and where the configuration counts them.

AllenNLP, biome.text 0.3   vocabulary/labels.txt; `num_labels`, `hidden_dims` of BiMPM, `loss_weights`
biome.text 1.0 - 3.3       `labels` and `label_weights` of the head; vocabulary/gold_labels.txt
checkpoints                `id2label`, `label2id`, `num_labels`
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from models.architectures import label_namespace_of
from models.archive import weights_file
from models.archive_classifier import ArchiveClassifier
from models.archive_limits import CONFIG, META, VOCABULARY
from models.biome_bimpm import BiomeBiMpm
from models.biome_pipeline import is_pipeline
from models.checkpoint import CheckpointClassifier, Headless, is_checkpoint
from models.classifier import Classifier, LabelSet
from models.errors import NotExportable
from models.export_weights import widened_weights
from models.gold_labels import LABELS_NAMESPACE
from models.head_tensors import appends_in_place, head_tensors
from models.legacy_config import is_legacy
from models.vocabulary import NEWLINE, NON_PADDED, matches_namespace, tokens_of

NEUTRAL_WEIGHT = 1.0
"""What a new label counts in a training loss whose other labels have weights."""


def changed_members(
    name: str, members: Mapping[str, bytes], classifier: Classifier, wanted: LabelSet
) -> dict[str, bytes]:
    """The members that differ once `classifier`, read from `members`, has the label set `wanted`.

    Raises NotExportable where the format cannot say it.
    """
    own = classifier.label_set
    if wanted.labels == own.labels:
        return {}
    if not appends_in_place(own.head):
        reason = "applies an activation to its last layer, which would change what the new labels score"
        raise NotExportable(name, CONFIG, reason)
    text = members[CONFIG].decode()
    config = json.loads(text)
    after = copy.deepcopy(config)
    if is_checkpoint(config):
        _name_labels(after, wanted.labels)
        changed = {}
    elif is_pipeline(config):
        _extend_head(after["model"]["config"]["head"], own.labels, wanted.labels)
        changed = _gold_labels(members, wanted.labels)
    else:
        _extend_model(after["model"], own.labels, wanted.labels, classifier)
        changed = _label_namespace(name, members, config, classifier, wanted.labels)
    if after != config:
        changed[CONFIG] = _dumped(after, text).encode()
    weights_name = weights_file(members)
    assert weights_name is not None
    layer = head_layer_name(classifier)
    rows = head_tensors(wanted.head)
    changed[weights_name] = widened_weights(name, weights_name, members[weights_name], layer, rows, NEUTRAL_WEIGHT)
    return changed


def head_layer_name(classifier: Classifier) -> str:
    """What the weights call the linear layer of a classifier's head."""
    assert isinstance(classifier, ArchiveClassifier | CheckpointClassifier)
    if isinstance(classifier.model, Headless):
        return classifier.model.head_name
    heads = set(classifier.label_set.head.modules())
    return next(
        name for name, module in classifier.model.named_modules() if isinstance(module, nn.Linear) and module in heads
    )


def _name_labels(config: dict[str, Any], labels: Sequence[str]) -> None:
    """A checkpoint's names of its labels. An index may have had several names; those stay."""
    config["id2label"] = {str(index): label for index, label in enumerate(labels)}
    config["label2id"] = (config.get("label2id") or {}) | {label: index for index, label in enumerate(labels)}
    for key in ("num_labels", "_num_labels"):
        if key in config:
            config[key] = len(labels)


def _extend_head(head: dict[str, Any], old: Sequence[str], labels: Sequence[str]) -> None:
    """A biome.text 1.0 - 3.3 head. "None" is how some versions write that there is nothing."""
    head["labels"] = list(labels)
    _extend_weights(head, "label_weights", old, labels)


def _extend_model(model: dict[str, Any], old: Sequence[str], labels: Sequence[str], classifier: Classifier) -> None:
    """An AllenNLP model or one of biome.text 0.3."""
    if isinstance(model.get("num_labels"), int):
        model["num_labels"] = len(labels)
    _extend_weights(model, "loss_weights", old, labels)
    assert isinstance(classifier, ArchiveClassifier)
    if isinstance(classifier.model, BiomeBiMpm):
        feedforward = model["classifier_feedforward"]
        dims = feedforward["hidden_dims"]
        hidden = dims[:-1] if isinstance(dims, list) else [dims] * (feedforward["num_layers"] - 1)
        feedforward["hidden_dims"] = [*hidden, len(labels)]


def _extend_weights(section: dict[str, Any], key: str, old: Sequence[str], labels: Sequence[str]) -> None:
    """Weights of the labels in the training loss, by name or in order."""
    weights, new = section.get(key), labels[len(old) :]
    if isinstance(weights, dict):
        section[key] = weights | dict.fromkeys(new, NEUTRAL_WEIGHT)
    elif isinstance(weights, list):
        section[key] = [*weights, *[NEUTRAL_WEIGHT] * len(new)]


def _gold_labels(members: Mapping[str, bytes], labels: Sequence[str]) -> dict[str, bytes]:
    """biome.text fills this namespace with the configured labels when it loads; the file is kept in step."""
    member = f"{VOCABULARY}/{LABELS_NAMESPACE}.txt"
    return {member: _lines(labels).encode()} if member in members else {}


def _label_namespace(
    name: str, members: Mapping[str, bytes], config: Mapping[str, Any], classifier: Classifier, labels: Sequence[str]
) -> dict[str, bytes]:
    assert isinstance(classifier, ArchiveClassifier)
    namespace = label_namespace_of(classifier.model)
    member = f"{VOCABULARY}/{namespace}.txt"
    patterns = members.get(f"{VOCABULARY}/{NON_PADDED}", b"").decode().split("\n")
    padded = not any(matches_namespace(pattern, namespace) for pattern in patterns if pattern)
    legacy = is_legacy(config, json.loads(members.get(META, b"{}")).get("version"))
    text = members.get(member, b"").decode()
    there = tokens_of(text, legacy=legacy)
    # Index 0 of a padded namespace is padding, which has no line.
    wanted = list(labels[1:] if padded else labels)
    if there != wanted[: len(there)]:
        raise NotExportable(name, member, "names labels that the model has no rows for; the new ones have no place")
    separator = "\n" if text and not text.endswith("\n") else ""
    extended = text + separator + _lines(wanted[len(there) :])
    if tokens_of(extended, legacy=legacy) != wanted:
        raise NotExportable(name, member, f"cannot hold a label with {NEWLINE} in it or a carriage return at its end")
    return {member: extended.encode()}


def _lines(labels: Sequence[str]) -> str:
    return "".join(label.replace("\n", NEWLINE) + "\n" for label in labels)


def _dumped(config: Mapping[str, Any], like: str) -> str:
    """The configuration laid out as the text that it was read from."""
    second = like.partition("\n")[2].partition("\n")[0]
    indent = len(second) - len(second.lstrip(" ")) or None
    plain = json.dumps(config, indent=indent, ensure_ascii=False)
    # AllenNLP's jsonnet reads no escaped surrogate pairs.
    escaped = like.isascii() and max(plain) <= "\uffff"
    text = json.dumps(config, indent=indent) if escaped else plain
    return text + "\n" * like.endswith("\n")
