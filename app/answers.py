"""What a caller reads: a prediction as JSON-ready data. The HTTP service and `vitrine predict` both write these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from models.classifier import Classifier, Features, LabelSet, ranking

THRESHOLD = 0.5
"""A multi-label classifier says a label whose sigmoid is above this."""


class Row(NamedTuple):
    """What a classifier says of one instance, in label order."""

    scores: Sequence[float]
    logits: Sequence[float]


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """`top_k`: how many scores, None for all. `logits`: whether to give them."""

    top_k: int | None = None
    logits: bool = False


def prediction(
    classifier: Classifier, label_set: LabelSet, features: Features, row: Row, options: AnswerOptions
) -> dict[str, Any]:
    """Labels with their scores, highest first, ties by label index."""
    labels, scores, logits = label_set.labels, row.scores, row.logits
    best = ranking(scores)
    shown = best[: options.top_k]
    answer: dict[str, Any] = {"label": labels[best[0]], "score": scores[best[0]]}
    if classifier.multilabel:
        answer["labels"] = [labels[index] for index in best if scores[index] > THRESHOLD]
    if options.logits:
        answer["scores"] = [{"label": labels[at], "score": scores[at], "logit": logits[at]} for at in shown]
    else:
        answer["scores"] = [{"label": labels[at], "score": scores[at]} for at in shown]
    answer["warnings"] = [*features.warnings, *map(truncation, features.truncated)]
    return answer


def truncation(name: str) -> str:
    return f"{name} is longer than the model reads and was cut."
