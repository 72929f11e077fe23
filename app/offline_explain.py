"""Explain without a server: lines of JSON in, explanations out, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import orjson
import torch

from app.batch import Priority, Shape
from app.batching import Batcher
from app.cores import Cores
from app.cpus import available_cpus
from app.device import DeviceLane
from app.errors import InvalidInstances
from app.explain_work import ExplainWorks
from app.explanation import ExplainOptions, Plan, explain, plan
from app.featurizer import featurize_all
from app.selection import BatchLimits
from app.served import ServedModel
from app.slice_gate import SliceGate
from models.classifier import Classifier
from models.errors import InvalidInstance

WINDOW_LINES = 32
"""Lines that are explained together."""


class OfflineExplainer:
    """Raises InvalidParameters for options that do not fit the classifier."""

    def __init__(self, classifier: Classifier, device: torch.device, options: ExplainOptions, max_steps: int) -> None:
        classifier.to(device)
        self._classifier = classifier
        self._lane = DeviceLane(device, Cores(available_cpus()))
        served = ServedModel("offline", classifier, classifier.label_set)
        self._limits = BatchLimits()
        self._gate = SliceGate(cores=self._lane.cores, most_tokens=self._limits.batch_tokens)
        self._plan: Plan = plan(ExplainWorks(self._gate), served, options, max_steps)

    def explain(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        """What the lines that are not blank come to: an explanation for each target, or `{"error": ...}`.

        `instance` counts the lines from 0.
        """
        wanted = (line for line in lines if line.strip())
        first = 0
        while window := list(islice(wanted, WINDOW_LINES)):
            for index, answers in enumerate(asyncio.run(self._window(window)), start=first):
                yield from ({**answer, "instance": index} for answer in answers)
            first += len(window)

    async def _window(self, lines: Sequence[str]) -> list[list[dict[str, Any]]]:
        batcher = Batcher(self._lane.execute, self._limits, self._lane.cores)

        async def evaluate(work: Any, payloads: Sequence[Any], shapes: Sequence[Shape]) -> list[Any]:
            return await batcher.submit(work, payloads, shapes, Priority.BULK)

        async def one(line: str) -> list[dict[str, Any]]:
            try:
                instance = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                return [{"error": f"not JSON: {error}"}]
            if not isinstance(instance, str | dict):
                return [{"error": "an instance is a string or an object"}]
            (outcome,) = featurize_all(self._classifier, [instance])
            if isinstance(outcome, InvalidInstance):
                return [{"error": outcome.message}]
            try:
                return await explain(self._plan, [instance], [outcome], evaluate, self._gate)
            except InvalidInstances as error:
                return [{"error": error.refusals[0].detail}]
            except Exception as error:  # noqa: BLE001 - whatever one line provokes, the others are answered
                return [{"error": f"the model failed on this instance ({type(error).__name__})"}]

        return await asyncio.gather(*map(one, lines))

    def close(self) -> None:
        self._lane.close()
