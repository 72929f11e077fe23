"""Extending labels: examples in, a wider head and what it is worth out. Publishing it is app/versions.py's.

examples ─► featurize ─► encode (the batcher's bulk class) ─► fit, report (a thread of one core)
anchors  ─►
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from app.batch import Priority
from app.cores import set_threads
from app.errors import InvalidInstances, TooManyLabels
from app.featurizer import featurize_all
from app.label_schemas import ExtendRequest
from app.prediction import featurize
from app.served import OtherWork, ServedModel
from app.service import Service
from models.classifier import Batch, Features, LabelSet

if TYPE_CHECKING:
    from models.extension_report import ExtensionReport

ENCODE_ITEMS = 256
"""Instances that are queued at once: a long extension must not fill the queue."""


class EncodeWork(OtherWork):
    """What the encoder makes of instances: one row (dim,) each, on the CPU."""

    @torch.inference_mode()
    def run(self, batch: Batch) -> Sequence[Tensor]:
        return self.served.classifier.encode(batch).float().cpu().unbind()


@dataclass(frozen=True)
class Extension:
    """A wider label set, not yet published: its head is on the CPU and its version is not a number of the store."""

    label_set: LabelSet
    report: ExtensionReport


class Extender:
    def __init__(self, service: Service) -> None:
        self._service = service
        # One core: a fit takes milliseconds, is the same on every machine, and leaves the rest to predictions.
        self._thread = ThreadPoolExecutor(1, "extend", set_threads, (1,))

    async def extend(self, served: ServedModel, asked: ExtendRequest) -> Extension:
        """Raises TooManyLabels, InvalidInstances, ExtensionError, and what encoding raises."""
        self._check_limits(served, asked)
        targets = [one.label if isinstance(one.label, str) else tuple(one.label) for one in asked.examples]
        await self._call(_check, served, asked.labels, targets)
        instances = [one.instance for one in asked.examples]
        features = await self._featurized(served, instances)
        anchors = await self._anchors(served, instances, asked.anchors)
        vectors = await self._encoded(served, [*features, *anchors])
        own = await self._service.lane.call(_on_cpu, served.label_set)
        extension: Extension = await self._call(_fitted, served, own, asked, targets, vectors)
        return extension

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _call(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    def _check_limits(self, served: ServedModel, asked: ExtendRequest) -> None:
        settings = self._service.settings
        new, most = len(asked.labels), settings.max_new_labels
        if new > most:
            raise TooManyLabels(f"{new} labels are too many for one request. Send at most {most}.")
        total = len(served.label_set.labels) + new
        if total > settings.max_labels:
            raise TooManyLabels(f"The model would have {total} labels; this server allows {settings.max_labels}.")
        if len(asked.examples) > settings.max_examples:
            raise TooManyLabels(
                f"{len(asked.examples)} examples are too many for one request. Send at most {settings.max_examples}."
            )

    async def _featurized(self, served: ServedModel, instances: Sequence[Any]) -> list[Features]:
        if not instances:
            return []
        try:
            return await featurize(self._service, served, instances)
        except InvalidInstances as error:
            raise InvalidInstances(error.refusals, "examples") from None

    async def _anchors(self, served: ServedModel, instances: Sequence[Any], count: int | None) -> list[Features]:
        if not instances or count == 0:
            return []
        made = await self._call(_anchors, served, instances, count)
        return [one for one in made if not isinstance(one, Exception)]

    async def _encoded(self, served: ServedModel, features: Sequence[Features]) -> Tensor:
        """(instances, dim). Raises the first failure."""
        work = EncodeWork(served)
        rows: list[Tensor] = []
        for first in range(0, len(features), ENCODE_ITEMS):
            part = features[first : first + ENCODE_ITEMS]
            answers = await self._service.batcher.submit(work, part, [one.shape for one in part], Priority.BULK)
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
            rows += answers
        return torch.stack(rows) if rows else torch.empty(0, 0)


def _check(served: ServedModel, labels: Sequence[str], targets: Sequence[Any]) -> None:
    """What can be told before anything is encoded."""
    from models.extend import check_examples, check_labels  # noqa: PLC0415 - seconds to import

    check_labels(served.label_set, labels)
    placeholder = torch.zeros(len(targets), 1)
    check_examples([*served.label_set.labels, *labels], placeholder, targets, multilabel=served.classifier.multilabel)


def _anchors(served: ServedModel, instances: Sequence[Any], count: int | None) -> list[Any]:
    from models.anchors import COUNT, anchors_for  # noqa: PLC0415

    made = anchors_for(served.classifier, instances, count=COUNT if count is None else count)
    return list(featurize_all(served.classifier, made))


def _on_cpu(label_set: LabelSet) -> LabelSet:
    return LabelSet(label_set.labels, copy.deepcopy(label_set.head).cpu(), label_set.version)


def _fitted(
    served: ServedModel, own: LabelSet, asked: ExtendRequest, targets: Sequence[Any], vectors: Tensor
) -> Extension:
    from models.extend import L2, PRIOR, fit  # noqa: PLC0415
    from models.extension_report import report  # noqa: PLC0415
    from models.head_tensors import WEIGHT, head_tensors  # noqa: PLC0415

    count = len(targets)
    if not len(vectors):
        vectors = torch.empty(0, head_tensors(own.head)[WEIGHT].size(1))
    numbers: dict[str, Any] = {
        "anchors": vectors[count:],
        "prior": PRIOR if asked.prior is None else asked.prior,
        "l2": L2 if asked.l2 is None else asked.l2,
        "multilabel": served.classifier.multilabel,
    }
    label_set = fit(own, asked.labels, vectors[:count], targets, **numbers)
    return Extension(label_set, report(own, asked.labels, vectors[:count], targets, **numbers))
