"""The works of an explanation: what the device lane runs for it, slice by slice."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

import torch
from torch import Tensor

from app.batch import Shape
from app.cost import BatchCost
from app.served import NO_ANSWER, OtherWork, ServedModel
from app.slice_gate import ALONE_S
from app.spreading import ONE_THREAD, Spread, Spreading
from models.classifier import Batch, Features
from models.errors import InvalidInstance
from models.explain import Method, Probe, ends, gradients, path
from models.explainable import Explainable
from models.explanations import explainable_by


class Ends(NamedTuple):
    """Scores and logits of an instance, and the scores of its baseline, in label order."""

    scores: Sequence[float]
    logits: Sequence[float]
    baseline_scores: Sequence[float]


@dataclass(frozen=True, slots=True)
class Slice:
    """Some probes of one instance for one label."""

    features: Features
    target: int
    probes: Sequence[Probe]

    @property
    def shape(self) -> Shape:
        """As many instances of this shape side by side as there are probes. The last pair takes no room: it keeps
        apart what only looks alike, for classifiers that need one shape."""
        count = len(self.probes)
        return (*((texts * count, tokens) for texts, tokens in self.features.shape), (0, count))


@dataclass
class Pace:
    """How long a token of a slice takes, learnt from the slices that ran. Any thread may tell."""

    _cost: BatchCost = field(default_factory=BatchCost)
    _lock: Lock = field(default_factory=Lock)

    @property
    def seconds_per_token(self) -> float:
        return max(LEAST_PACE, self._cost.seconds_per_token or FIRST_PACE)

    def observe(self, tokens: int, seconds: float) -> None:
        with self._lock:
            self._cost.observe(tokens, seconds)


FIRST_PACE, LEAST_PACE = 5e-6, 1e-7


EVERY_CORE = Spread(parts=sys.maxsize)
WORTH_SHARING_S = 0.012
"""What a batch of slices has to take for a second core to be faster: their many small steps in Python go one by one."""


@dataclass(frozen=True, eq=False)
class ExplainWork(OtherWork):
    """Gradients for one classifier by one method. Requests that share it share its batches."""

    method: Method
    baseline: str
    pace: Pace

    @cached_property
    def explainable(self) -> Explainable:
        return explainable_by(self.served.classifier, self.method)

    @property
    def spreading(self) -> Spreading:
        worth_while = WORTH_SHARING_S / self.pace.seconds_per_token
        return Spreading(batches={worth_while / 2: ONE_THREAD, worth_while * 2: EVERY_CORE})

    @property
    def most_tokens(self) -> float:
        """One long slice's: what is more had better wait for the next core than lengthen the way to a free one."""
        return ALONE_S / self.pace.seconds_per_token

    @cached_property
    def ends(self) -> EndsWork:
        return EndsWork(self.served, self)

    def collate(self, slices: Sequence[Slice]) -> Batch:
        batch = self.served.classifier.collate([one.features for one in slices])
        tensors = {"features": batch.tensors, "slices": slices}
        return Batch(tensors, batch.size, batch.real_tokens, batch.padded_tokens)

    def run(self, batch: Batch) -> list[list[Tensor]]:
        """For each slice the sum over its probes: one tensor ([texts,] tokens) per input."""
        started = time.perf_counter()
        slices: Sequence[Slice] = batch.tensors["slices"]
        features = Batch(batch.tensors["features"], batch.size, batch.real_tokens, batch.padded_tokens)
        found = gradients(
            self.method,
            self.explainable,
            self.served.label_set.head,
            features,
            path(self.explainable, features, self.baseline),
            [one.probes for one in slices],
            [one.target for one in slices],
        )
        tokens = batch.padded_tokens // batch.size * sum(len(one.probes) for one in slices)
        self.pace.observe(tokens, time.perf_counter() - started)
        return found


@dataclass(frozen=True, eq=False)
class EndsWork(OtherWork):
    """Where the explained score ends, and where it starts."""

    work: ExplainWork

    @torch.no_grad()
    def run(self, batch: Batch) -> list[Ends | InvalidInstance]:
        """InvalidInstance where the classifier has no answer."""
        values = ends(self.work.explainable, self.work.served.label_set.head, batch, self.work.baseline)
        finite = values[1].isfinite().all(dim=-1).tolist()
        rows: Any = zip(*(value.tolist() for value in values), strict=True)
        return [Ends(*row) if good else InvalidInstance(NO_ANSWER) for row, good in zip(rows, finite, strict=True)]


class ExplainWorks:
    """The works there are, so that requests for the same share one. Keeps no model that nothing else keeps."""

    def __init__(self) -> None:
        self._works: WeakValueDictionary[tuple[ServedModel, str, str], ExplainWork] = WeakValueDictionary()
        self._paces: WeakKeyDictionary[ServedModel, Pace] = WeakKeyDictionary()

    def of(self, served: ServedModel, method: Method, baseline: str) -> ExplainWork:
        key = (served, method.name, baseline)
        work = self._works.get(key)
        if work is None:
            pace = self._paces.setdefault(served, Pace())
            work = self._works[key] = ExplainWork(served, method, baseline, pace)
        return work
