"""Which classifier and label set is live, by name. A bad archive never stops the others.

LOADING ──► READY ──► READY (another label set is published, or it is loaded again)
   │          └─────► UNLOADED ──► LOADING
   └──────► FAILED (with its reason; final until it is loaded again)
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import structlog

from app.batch import Priority, volume
from app.batching import Batcher
from app.device import DeviceLane
from app.errors import (
    DeviceLost,
    LoadFailed,
    ModelFailed,
    ModelLoading,
    ModelUnloaded,
    OutOfMemory,
    Overloaded,
    ShuttingDown,
    UnknownModel,
)
from app.served import ServedModel
from models.archive import archive_checksum
from models.classifier import Classifier, LabelSet
from models.errors import ArchiveError, InvalidInstance

log = structlog.get_logger(__name__)

Load = Callable[[Path], Classifier]
"""Opens an archive. Raises ArchiveError."""
Restore = Callable[[str, str, Classifier], Awaitable[LabelSet]]
"""The label set that answers for a model, the checksum of its archive and its classifier."""


class State(Enum):
    LOADING = "LOADING"
    READY = "READY"
    FAILED = "FAILED"
    UNLOADED = "UNLOADED"


@dataclass
class Entry:
    """A model of the store: `served` where it is ready, `reason` where it failed. `base` is its archive's checksum."""

    name: str
    path: Path
    base: str = ""
    served: ServedModel | None = None
    reason: str | None = None
    unloaded: bool = False

    @property
    def state(self) -> State:
        if self.unloaded:
            return State.UNLOADED
        if self.served:
            return State.READY
        return State.FAILED if self.reason else State.LOADING


class Catalog:
    """`entries` by name. Only the event loop changes them. `on_live` is called with each that begins to answer."""

    def __init__(
        self,
        load: Load,
        lane: DeviceLane,
        batcher: Batcher,
        restore: Restore | None = None,
        on_live: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.entries: dict[str, Entry] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._on_live = on_live
        self._load = load
        self._restore = restore or _own_label_set
        self._lane = lane
        self._batcher = batcher
        self._load_thread = ThreadPoolExecutor(1, "load")

    def entry(self, name: str) -> Entry:
        """Raises UnknownModel."""
        if name not in self.entries:
            raise UnknownModel(name, list(self.entries))
        return self.entries[name]

    def served(self, name: str) -> ServedModel:
        """Raises UnknownModel, ModelLoading, ModelFailed, ModelUnloaded."""
        entry = self.entry(name)
        if entry.served:
            return entry.served
        if entry.unloaded:
            raise ModelUnloaded(name)
        if entry.reason:
            raise ModelFailed(f"The model {name!r} could not be loaded: {entry.reason}")
        raise ModelLoading(f"The model {name!r} is being loaded. Try again in a moment.")

    def publish(self, name: str, label_set: LabelSet, over: Classifier | None = None) -> ServedModel:
        """From the next request on, `label_set` answers; not where another classifier than `over` does by now.

        Raises UnknownModel, ModelLoading, ModelFailed, ModelUnloaded.
        """
        served = self.served(name)
        if over is not None and served.classifier is not over:
            return served
        self.entries[name].served = served = replace(served, label_set=label_set)
        return served

    @property
    def loading(self) -> bool:
        """True while a model is being loaded."""
        return any(lock.locked() for lock in self._locks.values())

    async def load_all(self, paths: dict[str, Path]) -> None:
        """One after the other; what fails is kept as FAILED. Raises DeviceLost."""
        self.entries.update((name, Entry(name, path)) for name, path in paths.items())
        for number, (name, path) in enumerate(paths.items(), start=1):
            async with self._locks[name]:
                progress = log.bind(model=name, progress=f"{number}/{len(paths)}")
                self._serve(await self._load_entry(Entry(name, path), progress))

    async def load(self, name: str, path: Path) -> ServedModel:
        """Loads a model, again where it is; what answered before does so until then, and on where this fails.

        Raises LoadFailed, Overloaded, DeviceLost, ShuttingDown.
        """
        async with self._locks[name]:
            before = self.entries.get(name)
            answers_on = before is not None and before.served is not None
            if not answers_on:
                self.entries[name] = Entry(name, path)
            try:
                entry = await self._load_entry(Entry(name, path), log.bind(model=name))
            except BaseException:
                self._put_back(name, before)
                raise
            if entry.served:
                self._serve(entry)
                return entry.served
            if not answers_on:
                self.entries[name] = entry
            raise LoadFailed(name, entry.reason or "", answers_on=answers_on)

    def _put_back(self, name: str, before: Entry | None) -> None:
        if before:
            self.entries[name] = before
        else:
            del self.entries[name]

    async def unload(self, name: str) -> None:
        """No request is answered from now on; those that have begun are. Raises UnknownModel."""
        async with self._locks[name]:
            self.entries[name] = Entry(name, self.entry(name).path, unloaded=True)
            log.info("model unloaded", model=name)

    def _serve(self, entry: Entry) -> None:
        self.entries[entry.name] = entry
        if entry.served:
            self._on_live(entry.name)

    async def _load_entry(self, entry: Entry, log: structlog.typing.FilteringBoundLogger) -> Entry:
        """The entry, READY or FAILED. Raises DeviceLost, Overloaded, ShuttingDown."""
        started = time.monotonic()
        try:
            entry.served = await self._loaded(entry)
        except (DeviceLost, Overloaded, ShuttingDown):
            raise
        except ArchiveError as error:
            entry.reason = f"{error.member}: {error.reason}" if error.member else error.reason
            log.error("model failed", reason=entry.reason, error=type(error).__name__)
        except OutOfMemory:
            entry.reason = "The device has no memory left for it. Serve fewer models, or on a larger device."
            log.error("model failed", reason=entry.reason)
        except Exception:
            entry.reason = "It failed in a way that is not foreseen. The server's log says more."
            log.exception("model failed")
        else:
            seconds = round(time.monotonic() - started, 3)
            log.info(
                "model ready",
                kind=entry.served.classifier.kind,
                seconds=seconds,
                precision=entry.served.classifier.precision,
                cores_alone=entry.served.spreading.alone.threads,
                cores_batch=max(spread.parts for spread in entry.served.spreading.batches.values()),
            )
        return entry

    async def _loaded(self, entry: Entry) -> ServedModel:
        loop = asyncio.get_running_loop()
        classifier = await loop.run_in_executor(self._load_thread, self._load, entry.path)
        entry.base = await loop.run_in_executor(self._load_thread, archive_checksum, entry.path)
        await self._lane.place(classifier)
        served = ServedModel(entry.name, classifier, await self._restore(entry.name, entry.base, classifier))
        return await self._warm_up(served)

    async def _warm_up(self, served: ServedModel) -> ServedModel:
        """Batches of one and large ones of the classifier's example: what is slow once is slow now.

        The second pair tells the batcher what a batch costs; more batches tell how the cores share them best.
        """
        loop = asyncio.get_running_loop()
        classifier = served.classifier
        features = await loop.run_in_executor(self._load_thread, classifier.featurize, classifier.inputs.example)
        for size in (1, self._batcher.limits.batch_items) * 2:
            rows = await self._batcher.submit(served, [features] * size, [features.shape] * size, Priority.BULK)
            _raise_first(served.name, rows)
        spreading = await self._lane.measure(served, features, volume(features.shape))
        return replace(served, spreading=spreading)

    def close(self) -> None:
        self._load_thread.shutdown(wait=False, cancel_futures=True)


async def _own_label_set(name: str, base: str, classifier: Classifier) -> LabelSet:
    return classifier.label_set


def _raise_first(name: str, rows: Sequence[object]) -> None:
    for row in rows:
        if isinstance(row, InvalidInstance):
            log.warning("model has no answer to its own example", model=name, reason=str(row))
            return
        if isinstance(row, Exception):
            raise row
