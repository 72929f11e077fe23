"""Instances to features, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from models.classifier import Classifier, Features, Instance
from models.errors import InvalidInstance


class Featurizer:
    """A pool of threads; one job for each request."""

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, "featurize")
        self._jobs: dict[asyncio.Future[list[Features | InvalidInstance]], int] = {}

    @property
    def pending_items(self) -> int:
        """Instances that are not featurized yet."""
        return sum(self._jobs.values())

    async def featurize(
        self, classifier: Classifier, instances: Sequence[Instance]
    ) -> list[Features | InvalidInstance]:
        """Features of each instance, or why it has none."""
        job = asyncio.get_running_loop().run_in_executor(self._pool, featurize_all, classifier, instances)
        self._jobs[job] = len(instances)
        job.add_done_callback(self._jobs.pop)
        return await job

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def featurize_all(classifier: Classifier, instances: Sequence[Instance]) -> list[Features | InvalidInstance]:
    return [_featurize(classifier, instance) for instance in instances]


def _featurize(classifier: Classifier, instance: Instance) -> Features | InvalidInstance:
    try:
        return classifier.featurize(instance)
    except InvalidInstance as error:
        return error
