"""The limit: the model alone, without a server, on batches that another could not fill better."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from models.classifier import Classifier, Features

BATCH = 32
CPU = torch.device("cpu")

Predict = Callable[[Sequence[Any]], object]
"""What runs the model on a batch."""


def rate_of(predict: Predict, batches: Sequence[Sequence[Any]], seconds: float) -> float:
    """Instances a second, over the batches in turn, each as often as the others."""
    done, started = 0, time.perf_counter()
    while True:
        for batch in batches:
            predict(batch)
            done += len(batch)
        if (elapsed := time.perf_counter() - started) >= seconds:
            return done / elapsed


def latency_of(predict: Predict, instances: Sequence[Any], seconds: float) -> float:
    """The median time of one instance alone, in ms."""
    times = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for instance in instances:
            started = time.perf_counter()
            predict([instance])
            times.append(1000 * (time.perf_counter() - started))
            if started > until:
                break
    return statistics.median(times)


def in_batches(ordered: Sequence[Any], size: int = BATCH) -> list[Sequence[Any]]:
    return [ordered[at : at + size] for at in range(0, len(ordered), size)]


class BareModel:
    """A classifier's stages one after the other; it moves to the device."""

    def __init__(self, classifier: Classifier, device: torch.device = CPU) -> None:
        self._classifier = classifier
        self._device = device
        classifier.to(device)

    def featurize(self, instances: Sequence[Any]) -> list[Features]:
        return [self._classifier.featurize(instance) for instance in instances]

    @torch.inference_mode()
    def forward(self, features: Sequence[Features]) -> Tensor:
        """(batch, num_labels)"""
        batch = self._classifier.collate(features).to(self._device)
        logits: Tensor = self._classifier.label_set.head(self._classifier.encode(batch))
        return logits.cpu()  # as answers go; on a GPU it waits until they are there

    def predict(self, instances: Sequence[Any]) -> Tensor:
        """Featurizing counted."""
        return self.forward(self.featurize(instances))
