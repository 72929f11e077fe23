"""Instances to features, off the event loop but for what is sooner done than handed over.

A hand-over to a thread costs more than featurizing a short text. So a worker takes all that came since it was
last free, as the device lane does: under load one hand-over serves many requests. And once it is known how long a
classifier takes for a character, short texts are not handed over.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakKeyDictionary

from models.classifier import Classifier, Features, Instance
from models.errors import InvalidInstance

Outcome = Features | InvalidInstance
_Done = tuple[list[list[Outcome] | Exception], float]

GROUP_ITEMS = 64
"""Instances that a worker takes in one go; a request of more goes alone, so that others need not wait for it."""
HAND_OVER_S = 0.001
"""What it costs to have a worker do it, on a busy machine: to be told, and the interpreter handed to and fro."""
TIMED_CHARS = 20
SLOWEST_WEIGHT = 0.9
"""A slow group is believed at once, faster ones after it little by little."""


@dataclass(slots=True, eq=False)
class _Job:
    classifier: Classifier
    instances: Sequence[Instance]
    chars: int
    outcomes: asyncio.Future[list[Outcome]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Featurizer:
    """`workers` threads, each with one group of requests at a time."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, "featurize")
        self._waiting: deque[_Job] = deque()
        self._waiting_items: Counter[Classifier] = Counter()
        self._running: set[asyncio.Future[_Done]] = set()
        self._paces: WeakKeyDictionary[Classifier, float] = WeakKeyDictionary()
        """Seconds a character, learnt from what the workers did."""

    def pending_items(self, classifier: Classifier) -> int:
        """Instances for the classifier that wait for a worker."""
        return self._waiting_items[classifier]

    async def featurize(
        self, classifier: Classifier, instances: Sequence[Instance], chars: int | None = None
    ) -> list[Outcome]:
        """Features of each instance, or why it has none. Raises what the classifier raised beyond InvalidInstance.

        Where its `chars` are known to take less time than the hand-over would, it happens here and now.
        """
        if chars is not None and chars * self._paces.get(classifier, math.inf) < HAND_OVER_S:
            return featurize_all(classifier, instances)
        job = _Job(classifier, instances, chars or 0)
        self._waiting.append(job)
        self._waiting_items[classifier] += len(instances)
        asyncio.get_running_loop().call_soon(self._dispatch)
        return await job.outcomes

    def _dispatch(self) -> None:
        while len(self._running) < self._workers and (group := self._next_group()):
            run = asyncio.get_running_loop().run_in_executor(self._pool, _featurize_group, group)
            self._running.add(run)
            run.add_done_callback(partial(self._finish, group))

    def _next_group(self) -> list[_Job]:
        """The oldest jobs; those whose request is over are dropped."""
        group: list[_Job] = []
        items = 0
        while self._waiting:
            job = self._waiting[0]
            items += len(job.instances)
            if group and items > GROUP_ITEMS:
                break
            self._waiting.popleft()
            self._leave(job)
            if job.outcomes.done():
                items -= len(job.instances)
            else:
                group.append(job)
        return group

    def _finish(self, group: Sequence[_Job], run: asyncio.Future[_Done]) -> None:
        self._running.discard(run)
        if run.cancelled():
            return
        outcomes_of_all, seconds = run.result()
        self._learn(group, seconds)
        for job, outcomes in zip(group, outcomes_of_all, strict=True):
            if job.outcomes.done():
                continue
            if isinstance(outcomes, Exception):
                job.outcomes.set_exception(outcomes)
            else:
                job.outcomes.set_result(outcomes)
        self._dispatch()

    def _leave(self, job: _Job) -> None:
        self._waiting_items[job.classifier] -= len(job.instances)
        if not self._waiting_items[job.classifier]:
            del self._waiting_items[job.classifier]

    def _learn(self, group: Sequence[_Job], seconds: float) -> None:
        """From groups of one classifier that are long enough to be timed."""
        classifiers, chars = {job.classifier for job in group}, sum(job.chars for job in group)
        if len(classifiers) == 1 and chars >= TIMED_CHARS:
            classifier = classifiers.pop()
            pace = seconds / chars
            self._paces[classifier] = max(pace, SLOWEST_WEIGHT * self._paces.get(classifier, pace))

    def close(self) -> None:
        for job in self._waiting:
            job.outcomes.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _featurize_group(group: Sequence[_Job]) -> _Done:
    """The outcomes of each job, and the seconds that this thread worked for them."""
    started = time.thread_time()
    outcomes = [_featurize_job(job) for job in group]
    return outcomes, time.thread_time() - started


def _featurize_job(job: _Job) -> list[Outcome] | Exception:
    try:
        return [_featurize(job.classifier, instance) for instance in job.instances if not job.outcomes.done()]
    except Exception as error:  # noqa: BLE001 - the fault of one request must not reach those it shares a worker with
        return error


def featurize_all(classifier: Classifier, instances: Sequence[Instance]) -> list[Outcome]:
    return [_featurize(classifier, instance) for instance in instances]


def _featurize(classifier: Classifier, instance: Instance) -> Outcome:
    try:
        return classifier.featurize(instance)
    except InvalidInstance as error:
        return error
