"""Predict without a server: lines of JSON in, lines of JSON out, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
import torch

from app.answers import AnswerOptions, Row, prediction
from app.batch import volume
from app.cores import Cores, run_on
from app.cpus import available_cpus
from app.device import DeviceLane
from app.featurizer import featurize_all
from app.served import ServedModel
from app.spreading import ONE_THREAD, Spread
from models.classifier import Classifier, Features, padded_tokens
from models.errors import InvalidInstance

WINDOW_LINES = 2_048
"""Lines that are ordered by length together: enough for small padding, few enough to stream."""


@dataclass(frozen=True)
class Line:
    """An input line: its instance, or why it has none."""

    features: Features | None
    error: str | None = None


class OfflinePredictor:
    """Batches of at most `batch_items` instances and `batch_tokens` padded tokens, on a CPU side by side."""

    def __init__(
        self,
        classifier: Classifier,
        device: torch.device,
        *,
        options: AnswerOptions,
        batch_items: int = 64,
        batch_tokens: int = 16_384,
    ) -> None:
        classifier.to(device)
        self._served = ServedModel("offline", classifier, classifier.label_set)
        self._device = device
        self._options = options
        self._batch_items = batch_items
        self._batch_tokens = batch_tokens
        self._spread = self._measured() if device.type == "cpu" else ONE_THREAD
        self._threads = ThreadPoolExecutor(self._spread.parts, "lane")

    def _measured(self) -> Spread:
        """That of full batches."""
        classifier = self._served.classifier
        example = classifier.featurize(classifier.inputs.example)
        tokens = volume(example.shape)
        lane = DeviceLane(self._device, Cores(available_cpus()))
        spreading = asyncio.run(lane.measure(self._served, example, tokens))
        lane.close()
        return spreading.of(self._batch_items, self._batch_items * tokens)

    def predict(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        """A prediction for each line that is not blank, or `{"error": ...}`."""
        wanted = (line for line in lines if line.strip())
        while window := list(islice(wanted, WINDOW_LINES)):
            yield from self._answer([self._read(line) for line in window])

    def _read(self, line: str) -> Line:
        try:
            instance = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return Line(None, f"not JSON: {error}")
        if not isinstance(instance, str | dict):
            return Line(None, "an instance is a string or an object")
        (outcome,) = featurize_all(self._served.classifier, [instance])
        return Line(None, outcome.message) if isinstance(outcome, InvalidInstance) else Line(outcome)

    def _answer(self, lines: Sequence[Line]) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = [{"error": line.error} for line in lines]
        readable = [(index, line.features) for index, line in enumerate(lines) if line.features]
        batches = list(self._batches(readable))
        all_rows = self._threads.map(self._rows, [[features for _, features in batch] for batch in batches])
        for batch, rows in zip(batches, all_rows, strict=True):
            for (index, features), row in zip(batch, rows, strict=True):
                answers[index] = self._written(features, row)
        return answers

    def _batches(self, items: Sequence[tuple[int, Features]]) -> Iterator[list[tuple[int, Features]]]:
        """Neighbours in length together."""
        batch: list[tuple[int, Features]] = []
        for item in sorted(items, key=lambda item: (padded_tokens([item[1].shape]), item[1].shape)):
            if batch and not self._fits([*batch, item]):
                yield batch
                batch = []
            batch.append(item)
        if batch:
            yield batch

    def _fits(self, batch: Sequence[tuple[int, Features]]) -> bool:
        shapes = [features.shape for _, features in batch]
        if self._served.one_shape and len(set(shapes)) > 1:
            return False
        return len(batch) <= self._batch_items and padded_tokens(shapes) <= self._batch_tokens

    def _rows(self, features: Sequence[Features]) -> Sequence[Row | Exception]:
        """One row each; where the batch fails, one by one, so that only the culprit fails."""
        try:
            batch = self._served.collate(features).to(self._device)
            return run_on(self._spread.threads, self._served, batch)
        except Exception as error:  # noqa: BLE001 - whatever one line provokes, the others are answered
            return [error] if len(features) == 1 else [row for one in features for row in self._rows([one])]

    def _written(self, features: Features, row: Row | Exception) -> dict[str, Any]:
        if isinstance(row, InvalidInstance):
            return {"error": row.message}
        if isinstance(row, Exception):
            return {"error": f"the model failed on this instance ({type(row).__name__})"}
        return prediction(self._served.classifier, self._served.label_set, features, row, self._options)
