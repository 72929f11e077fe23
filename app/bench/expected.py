"""What the answers must be: the offline model's own, an instance at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from models.classifier import Classifier, Features, probabilities

TOLERANCE = 1e-4
"""How far a probability may be from the offline model's and still be the same answer."""


class Answer(NamedTuple):
    """What a server said of one instance."""

    label: str
    score: float


@dataclass(frozen=True)
class Verdict:
    """Of so many answered instances, how many have another label than offline, and how far scores are off at most."""

    instances: int = 0
    other_labels: int = 0
    delta: float = 0.0

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.instances + other.instances, self.other_labels + other.other_labels, max(self.delta, other.delta)
        )

    def times(self, count: int) -> Verdict:
        return Verdict(self.instances * count, self.other_labels * count, self.delta)

    @property
    def agreement(self) -> float:
        """The share of instances with the right label."""
        return 1 - self.other_labels / self.instances if self.instances else 0.0


@dataclass(frozen=True)
class Expected:
    """The probabilities of each instance by label."""

    probabilities: Sequence[Mapping[str, float]]

    def check(self, indices: range, answers: Sequence[Answer]) -> Verdict:
        """Raises ValueError where there is not one answer for each instance."""
        if len(answers) != len(indices):
            raise ValueError(f"{len(answers)} answers came for {len(indices)} instances")
        verdict = Verdict()
        for index, answer in zip(indices, answers, strict=True):
            wanted = self.probabilities[index]
            given = wanted.get(answer.label, -1.0)
            # Where two labels are as likely as each other, either is right.
            right = given >= max(wanted.values()) - TOLERANCE
            verdict += Verdict(1, int(not right), abs(answer.score - given))
        return verdict


def native_answers(predictions: Sequence[Mapping[str, Any]]) -> list[Answer]:
    return [Answer(one["label"], one["score"]) for one in predictions]


def expected_of(classifier: Classifier, features: Sequence[Features]) -> Expected:
    return Expected([_probabilities(classifier, one) for one in features])


@torch.inference_mode()
def _probabilities(classifier: Classifier, features: Features) -> dict[str, float]:
    logits = classifier.label_set.head(classifier.encode(classifier.collate([features])))  # (1, num_labels)
    scores = probabilities(logits.double(), classifier.multilabel)[0].tolist()
    return dict(zip(classifier.label_set.labels, scores, strict=True))
