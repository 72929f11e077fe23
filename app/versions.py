"""Label versions from the store to the requests: what the store says answers is what the catalog serves.

One direction only: a version is published by writing it to the store, and served because the store says so, whichever
process wrote it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from app.catalog import Catalog, State
from app.device import DeviceLane
from app.errors import LabelStoreError, ModelUnloaded, StaleVersion, VersionUnusable
from app.label_store import ARCHIVE_VERSION, LabelStore, NewVersion
from app.label_version import Version
from app.served import ServedModel
from models.classifier import Classifier, LabelSet

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Versions:
    """What is written here is served once the call returns, and is written even where the caller has gone."""

    def __init__(self, store: LabelStore, catalog: Catalog, lane: DeviceLane) -> None:
        self.store = store
        self._catalog = catalog
        self._lane = lane
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._writing: set[asyncio.Task[Any]] = set()

    async def restore(self, name: str, base: str, classifier: Classifier) -> LabelSet:
        """What answers for an archive that was just loaded: its own labels where the store has no usable version."""
        number = await asyncio.to_thread(self.store.active, name, base)
        try:
            return await self._label_set(name, number, base, classifier)
        except LabelStoreError as error:
            log.error("label version refused", model=name, version=number, reason=error.detail)
            return classifier.label_set

    async def append(self, name: str, version: NewVersion, expected: int) -> ServedModel:
        """Publishes a version. Raises what LabelStore.append does."""
        return await self._whatever_happens(self._append(name, version, expected))

    async def activate(self, name: str, number: int, expected: int | None) -> ServedModel:
        """Makes a version answer that is there. Raises what LabelStore.activate does."""
        return await self._whatever_happens(self._activate(name, number, expected))

    async def refresh(self, name: str) -> ServedModel:
        """Serves what the store says answers now."""
        return await self._serve_active(name)

    async def follow(self, seconds: float) -> None:
        """Serves what other processes publish. Ends with its task."""
        while True:
            await asyncio.sleep(seconds)
            for name in [entry.name for entry in self._catalog.entries.values() if entry.state is State.READY]:
                try:
                    await self._serve_active(name)
                except ModelUnloaded:
                    continue
                except LabelStoreError as error:
                    log.warning("label version refused", model=name, reason=error.detail)
                except Exception:
                    log.exception("label versions cannot be followed", model=name)

    async def _append(self, name: str, version: NewVersion, expected: int) -> ServedModel:
        served = await self._write(name, self.store.append, version, expected)
        if self._catalog.entry(name).base != version.base:  # another archive was loaded meanwhile
            raise StaleVersion(name, expected, served.label_set.version)
        return served

    async def _activate(self, name: str, number: int, expected: int | None) -> ServedModel:
        return await self._write(name, self.store.activate, number, self._catalog.entry(name).base, expected)

    async def _write(self, name: str, change: Callable[..., Any], *args: Any) -> ServedModel:
        """Serves what the store says afterwards, also where another process was faster: who retries should see it."""
        try:
            await asyncio.to_thread(change, name, *args)
        except StaleVersion:
            await self._serve_active(name)
            raise
        return await self._serve_active(name)

    async def _whatever_happens(self, writing: Coroutine[Any, Any, T]) -> T:
        """A caller that goes away must not leave a version that the store has and this process does not serve."""
        task = asyncio.ensure_future(writing)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return await asyncio.shield(task)

    async def _serve_active(self, name: str) -> ServedModel:
        async with self._locks[name]:
            served = self._catalog.served(name)
            base = self._catalog.entry(name).base
            number = await asyncio.to_thread(self.store.active, name, base)
            if number == served.label_set.version or name in self.store.problems:
                return served  # a file that was damaged since must not take away what answers
            label_set = await self._label_set(name, number, base, served.classifier)
            log.info("label set published", model=name, version=number, labels=len(label_set.labels))
            return self._catalog.publish(name, label_set, served.classifier)

    async def _label_set(self, name: str, number: int, base: str, classifier: Classifier) -> LabelSet:
        """Raises UnknownVersion, VersionUnusable."""
        if number == ARCHIVE_VERSION:
            return classifier.label_set
        version = await asyncio.to_thread(self.store.read, name, number, base)
        return await self._lane.call(_on_device, name, version, classifier.label_set)


def _on_device(name: str, version: Version, own: LabelSet) -> LabelSet:
    from models.head_tensors import with_head_tensors  # noqa: PLC0415 - seconds to import; the server answers meanwhile

    if version.labels[: len(own.labels)] != own.labels:
        raise VersionUnusable(name, version.number, "Its first labels are not those of the archive.")
    try:
        return LabelSet(version.labels, with_head_tensors(own.head, version.tensors), version.number)
    except ValueError as error:
        raise VersionUnusable(name, version.number, f"It {error}.") from error
