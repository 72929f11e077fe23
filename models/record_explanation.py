"""The "explain" of a record pair's prediction, as the classes of biome.text 1.0 and 2.0 give it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from models.classifier import Batch, Features
from models.explain import gradients, path
from models.explain_methods import METHODS
from models.field_vectors import FieldVectors
from models.normalization import normalized
from models.readers import Reading, token_texts

if TYPE_CHECKING:
    from models.record_pair_classification import RecordPairClassification


def explain_records(
    head: RecordPairClassification, reading: Reading, n_steps: int, logits: Any = None
) -> dict[str, list[Any]]:
    """Record -> `{"token": its text, "attribution": ...}` for each data field; `logits` (num_labels,) name the label.

    Without steps nothing is attributed: each field is a list of its tokens. Raises InvalidInstance for records of
    different numbers of fields.
    """
    if n_steps < 1:
        return {
            name: [_unattributed(token_texts(field)) for field in fields] for name, fields in reading.inputs.items()
        }
    method, fields = METHODS["biome_pair"], FieldVectors(head)
    features = _features(head, reading)
    tokens = fields.tokenization({}, features).tokens
    batch = _batch(head, features)
    along = path(fields, batch, "other")
    if logits is None:
        with torch.no_grad():
            logits = head.last_layer(fields.encode(batch, along.embedded))
    target = int(torch.as_tensor(logits).argmax())
    (sums,) = gradients(method, fields, head.last_layer, batch, along, [method.probes(n_steps)], [target])
    values = [value for one in sums for value in normalized(one.tolist(), method.normalized)]
    explained: dict[str, list[Any]] = {}
    for token, value in zip(tokens, values, strict=True):
        explained.setdefault(token.field, []).append({"token": token.text, "attribution": value})
    return explained


def _unattributed(texts: Sequence[str]) -> list[dict[str, Any]]:
    return [{"token": text, "attribution": 0.0} for text in texts]


def _features(head: RecordPairClassification, reading: Reading) -> Features:
    indexer = head.backbone.featurizer.indexer
    inputs = {name: [indexer.index(tokens) for tokens in fields] for name, fields in reading.inputs.items()}
    shape = tuple((len(texts), max(text.length for text in texts)) for texts in inputs.values())
    return Features(inputs, shape)


def _batch(head: RecordPairClassification, features: Features) -> Batch:
    indexer = head.backbone.featurizer.indexer
    tensors = {name: indexer.stack_lists([texts]) for name, texts in features.inputs.items()}
    return Batch(tensors, 1, 0, 0).to(head.last_layer.weight.device)
