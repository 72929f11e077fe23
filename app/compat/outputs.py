"""What the original of a model answered: the same keys, with the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.classifier import Source

Prediction = Mapping[str, Any]
"""With the logits of all labels."""

LEGACY_ALLENNLP = "0.8 - 0.9"
BIOME_0_3, BIOME_1_0 = "0.3", "1.0"


def original_output(source: Source, prediction: Prediction, labels: tuple[str, ...], *, multilabel: bool) -> Any:
    """`labels` are in index order."""
    if source.library != "biome.text":
        return _allennlp(prediction, labels)
    if source.versions == BIOME_0_3:
        return _biome_0_3(prediction, labels)
    if source.versions == BIOME_1_0:
        return _biome_1_0(prediction, labels, multilabel=multilabel)
    scores = prediction["scores"]
    return {"labels": [one["label"] for one in scores], "probabilities": [one["score"] for one in scores]}


def reads_tokens(source: Source) -> bool:
    """Whether the original's answer had the tokens that it read, with their ids."""
    return source.library == "AllenNLP" and source.versions != LEGACY_ALLENNLP


def _in_order(prediction: Prediction, labels: tuple[str, ...], what: str) -> list[float]:
    named = {one["label"]: one[what] for one in prediction["scores"]}
    return [named[label] for label in labels]


def _allennlp(prediction: Prediction, labels: tuple[str, ...]) -> dict[str, Any]:
    logits, scores = (_in_order(prediction, labels, what) for what in ("logit", "score"))
    return {"logits": logits, "probs": scores, "label": prediction["label"]}


def _biome_0_3(prediction: Prediction, labels: tuple[str, ...]) -> dict[str, Any]:
    return {
        "logits": _in_order(prediction, labels, "logit"),
        "classes": dict(zip(labels, _in_order(prediction, labels, "score"), strict=True)),
        "max_class": prediction["label"],
        "max_class_prob": prediction["score"],
    }


def _biome_1_0(prediction: Prediction, labels: tuple[str, ...], *, multilabel: bool) -> dict[str, Any]:
    output = {
        "logits": _in_order(prediction, labels, "logit"),
        "probs": _in_order(prediction, labels, "score"),
        "classes": {one["label"]: one["score"] for one in prediction["scores"]},
    }
    if multilabel:
        return output
    best = {"label": prediction["label"], "prob": prediction["score"]}
    return output | {"max_class": best["label"], "max_class_prob": best["prob"]} | best
