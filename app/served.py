"""A classifier with the label set that answers: the work of one predict batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from app.answers import Row
from app.spreading import Spreading
from app.stages import stage
from models.classifier import Batch, Classifier, Features, LabelSet
from models.errors import InvalidInstance
from models.scores import scores_and_logits

NO_ANSWER = "The model has no answer for this instance: it is too short or holds nothing that the model knows."


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A request keeps the one that was live when it came, so that all its answers are of one label set."""

    name: str
    classifier: Classifier
    label_set: LabelSet
    spreading: Spreading = field(default_factory=Spreading)
    most_tokens: float = math.inf

    @property
    def one_shape(self) -> bool:
        return not self.classifier.padding_safe

    @property
    def packed(self) -> bool:
        return self.classifier.packed

    @property
    def version(self) -> str:
        return str(self.label_set.version)

    def collate(self, features: Sequence[Features]) -> Batch:
        return self.classifier.collate(features)

    @torch.inference_mode()
    def run(self, batch: Batch) -> list[Row | InvalidInstance]:
        """A row for each instance; InvalidInstance where its logits are not finite."""
        with stage("encode"):
            vectors = self.classifier.encode(batch)  # (batch, dim)
        with stage("head"):
            logits = self.label_set.head(vectors)  # (batch, num_labels)
            return list(map(_row, scores_and_logits(logits, self.classifier.multilabel).tolist()))

    def ran(self, payloads: Sequence[Any], seconds: float) -> None:
        """Nothing is learnt from it here."""


def _row(read: Sequence[Sequence[float]]) -> Row | InvalidInstance:
    scores, logits = read
    return Row(scores, logits) if math.isfinite(sum(logits)) else InvalidInstance(NO_ANSWER)


@dataclass(frozen=True, eq=False)
class OtherWork:
    """What else than predictions runs on a served model; it has batches of its own."""

    served: ServedModel

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from the other works of its served model; those of one key do the same."""
        return (type(self),)

    @property
    def name(self) -> str:
        return self.served.name

    @property
    def classifier(self) -> Classifier:
        return self.served.classifier

    @property
    def one_shape(self) -> bool:
        return self.served.one_shape

    @property
    def packed(self) -> bool:
        return self.served.packed

    @property
    def spreading(self) -> Spreading:
        return self.served.spreading

    @property
    def most_tokens(self) -> float:
        return self.served.most_tokens

    def collate(self, payloads: Sequence[Any]) -> Batch:
        return self.served.collate(payloads)

    def ran(self, payloads: Sequence[Any], seconds: float) -> None:
        """Nothing is learnt from it here."""
