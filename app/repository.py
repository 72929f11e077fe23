"""Loading and unloading models while others are served: what the store holds, and what the catalog does with it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from app.catalog import Catalog, Entry
from app.errors import ModelLoading, UnknownModel
from app.memory import give_back_freed_memory
from app.served import ServedModel
from app.service import Service
from app.store import model_paths

T = TypeVar("T")
Canary = Callable[[], object]
"""None once what it stands for is gone."""


class Repository:
    """A load or unload that was begun is ended, also where its caller has gone."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._changes: set[asyncio.Task[Any]] = set()

    @property
    def _catalog(self) -> Catalog:
        return self._service.catalog

    async def index(self) -> list[Entry]:
        """Every model of the store, and every one that is served, sorted; UNLOADED where nobody asked for it yet."""
        paths = await asyncio.to_thread(model_paths, self._service.settings.store)
        strangers = (Entry(name, path, unloaded=True) for name, path in paths.items())
        entries = {entry.name: entry for entry in strangers} | self._catalog.entries
        return [entries[name] for name in sorted(entries)]

    async def load(self, name: str) -> ServedModel:
        """Loads a model of the store, again where it is. Raises UnknownModel and what Catalog.load does."""
        if not self._service.loaded:
            raise ModelLoading("The models of the store are being loaded. Try again when the server is ready.")
        return await self._to_its_end(self._load(name))

    async def unload(self, name: str) -> None:
        """Raises UnknownModel, ModelLoading."""
        if not self._service.loaded:
            raise ModelLoading("The models of the store are being loaded. Try again when the server is ready.")
        await self._to_its_end(self._unload(name))

    async def _load(self, name: str) -> ServedModel:
        paths = await asyncio.to_thread(model_paths, self._service.settings.store)
        if name not in paths:
            raise UnknownModel(name, list(paths))
        released = self._canary(name)
        try:
            await self._catalog.load(name, paths[name])
        except BaseException:
            self._release(_nothing)
            raise
        self._release(released)
        return await self._service.versions.refresh(name)

    async def _unload(self, name: str) -> None:
        released = self._canary(name)
        await self._catalog.unload(name)
        self._release(released)

    def _canary(self, name: str) -> Canary:
        """Dies with all of the classifier that answers now."""
        entry = self._catalog.entries.get(name)
        return weakref.ref(entry.served.classifier.label_set.head) if entry and entry.served else _nothing

    def _release(self, canary: Canary) -> None:
        """A classifier's garbage is in cycles: cheap to collect, but for what was frozen at the start."""
        gc.collect()
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, give_back_freed_memory)
        loop.call_later(RUNNING_REQUESTS_S, _thaw, canary)

    async def _to_its_end(self, change: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(task)

    def close(self) -> None:
        for task in self._changes:
            task.cancel()


RUNNING_REQUESTS_S = 5.0
"""How long requests that have begun may keep a classifier before it is looked for among what was frozen."""


def _nothing() -> None:
    return None


def _thaw(canary: Canary) -> None:
    """Walks through everything there is, which takes a third of a second."""
    gc.collect()
    if canary() is not None:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
    asyncio.get_running_loop().run_in_executor(None, give_back_freed_memory)
