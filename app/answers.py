"""What a caller reads: a prediction as JSON-ready data. The HTTP service and `vitrine predict` both write these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from models.classifier import Classifier, Features, LabelSet, ranked

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
    best = ranked(label_set.labels, row.scores, row.logits)
    shown = best[: options.top_k]
    answer: dict[str, Any] = {"label": best[0].label, "score": best[0].score}
    if classifier.multilabel:
        answer["labels"] = [one.label for one in best if one.score > THRESHOLD]
    if options.logits:
        answer["scores"] = [{"label": one.label, "score": one.score, "logit": one.logit} for one in shown]
    else:
        answer["scores"] = [{"label": one.label, "score": one.score} for one in shown]
    answer["warnings"] = [*features.warnings, *map(truncation, features.truncated)]
    return answer


def truncation(name: str) -> str:
    return f"{name} is longer than the model reads and was cut."
