"""The answers of a classifier without the service."""

from __future__ import annotations

import torch

from models.classifier import Classifier, probabilities


def offline_scores(classifier: Classifier, text: str) -> dict[str, float]:
    batch = classifier.collate([classifier.featurize(text)])
    with torch.inference_mode():
        logits = classifier.label_set.head(classifier.encode(batch))
    scores = probabilities(logits, classifier.multilabel)[0].tolist()
    return dict(zip(classifier.label_set.labels, scores, strict=True))


def wire_scores(prediction: dict) -> dict[str, float]:
    return {one["label"]: one["score"] for one in prediction["scores"]}
