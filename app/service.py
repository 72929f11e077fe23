"""The service as a whole: its parts, and whether it is alive and ready."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog

from app.batching import Batcher
from app.catalog import Catalog, Load, State
from app.cores import SWITCH_S, Cores
from app.cpus import available_cpus
from app.device import DeviceLane, choose_device
from app.errors import DeviceLost, ShuttingDown
from app.featurizer import Featurizer
from app.label_store import LabelStore
from app.loop_load import LoopLoad, no_cores
from app.memory import keep_freed_memory
from app.metrics import Metrics, ProcessesCollector, StateCollector
from app.selection import BatchLimits
from app.settings import Settings
from app.store import model_paths
from app.versions import Versions
from app.watchdog import watch_loop
from models.archive_limits import ArchiveLimits
from models.classifier import Classifier, LabelSet
from models.precision import FULL, PrecisionRefused, reduce_precision

if TYPE_CHECKING:
    from app.device_processes import DeviceProcesses
    from app.tracing import Tracing

log = structlog.get_logger(__name__)


class Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


class Service:
    """`on_fatal` is called when the device is lost and the process should end. `processes` are those of the
    lane, where it has its own."""

    def __init__(self, settings: Settings, load: Load | None = None, processes: DeviceProcesses | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        cores = processes.cores if processes else Cores(settings.threads or available_cpus())
        self.lane = DeviceLane(choose_device(settings.device), cores, processes)
        if processes:
            processes.on_lost = self._lose_device
            self.metrics.registry.register(ProcessesCollector(lambda: [process.pid for process in processes.started]))
        self.tracing = _tracing(settings)
        self.batcher = Batcher(
            self.tracing.traced(self.lane.execute) if self.tracing else self.lane.execute,
            _batch_limits(settings),
            self.lane.cores,
            LoopLoad().cores_taken if processes else no_cores,
            on_batch=self.metrics.observe_batch,
            on_out_of_memory=self.metrics.out_of_memory.inc,
            on_device_lost=self._lose_device,
        )
        self.catalog = Catalog(
            load or _loader(settings), self.lane, self.batcher, self._restore, self.metrics.tallies.start
        )
        self.versions = Versions(LabelStore(settings.store), self.catalog, self.lane)
        self.featurizer = Featurizer(settings.featurize_workers)
        self.metrics.registry.register(StateCollector(self))
        self.on_fatal: Callable[[], None] = lambda: None
        self.loaded = False
        self.draining = False
        self.device_lost = False
        self._loading: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._parts: list[Closable] = [self.featurizer, self.catalog, self.lane]
        if self.tracing:
            self._parts.append(self.tracing)

    def on_close(self, part: C) -> C:
        """A part that has threads of its own, which end with the service."""
        self._parts.insert(0, part)
        return part

    def start(self) -> asyncio.Task[None]:
        """Load the store while the server already answers its probes; the task ends when that is done."""
        keep_freed_memory()
        sys.setswitchinterval(SWITCH_S)
        self._loading = asyncio.create_task(self._load_store())
        self._watching = asyncio.create_task(watch_loop(self.metrics.loop_lag.observe))
        return self._loading

    async def until_loaded(self) -> None:
        """Returns when every model is loaded or has failed, or the device is lost."""
        if self._loading:
            await asyncio.wait([self._loading])

    async def _load_store(self) -> None:
        paths = model_paths(self.settings.store)
        log.info("loading", models=len(paths), device=str(self.lane.device))
        for name in paths:
            self.metrics.begin(name)
        try:
            await self.catalog.load_all(paths)
        except DeviceLost:
            self._lose_device()
        except ShuttingDown:
            return
        else:
            _spare_the_collector()
            self.loaded = True
            states = [entry.state for entry in self.catalog.entries.values()]
            log.info("loaded", ready=states.count(State.READY), failed=states.count(State.FAILED))
            self._following = asyncio.create_task(self.versions.follow(self.settings.store_poll_seconds))

    async def _restore(self, name: str, base: str, classifier: Classifier) -> LabelSet:
        return await self.versions.restore(name, base, classifier)

    def _lose_device(self) -> None:
        if not self.device_lost:
            self.device_lost = True
            log.critical("device lost", device=str(self.lane.device), hint="This process ends; start another.")
            self.on_fatal()

    @property
    def not_live(self) -> str | None:
        """Why the process should be replaced; None where it is alive."""
        if self.device_lost:
            return "The device failed."
        if self.lane.busy_s > self.settings.stall_timeout_s:
            return f"The device has been busy with one batch for {self.lane.busy_s:.0f} s."
        return None

    @property
    def not_ready(self) -> str | None:
        """Why requests should go elsewhere; None where they may come."""
        if reason := self.not_live:
            return reason
        if self.draining:
            return "The server is shutting down."
        if not self.loaded:
            return "Models are being loaded."
        if self.batcher.oldest_wait_s > self.settings.stall_timeout_s:
            return f"Requests have been queued for {self.batcher.oldest_wait_s:.0f} s."
        states = {entry.state for entry in self.catalog.entries.values()}
        if states == {State.FAILED}:
            return "No model could be loaded. GET /v1/models says why."
        return None

    @property
    def busy(self) -> bool:
        """True while a thread is at the device or loads a model."""
        return bool(self.lane.busy_s) or not self.loaded or self.catalog.loading

    async def close(self) -> None:
        """Answer what was admitted, then let go of the threads."""
        self.draining = True
        for task in (self._loading, self._following, self._watching):
            if task:
                task.cancel()
        try:
            async with asyncio.timeout(self.settings.drain_timeout_s):
                await self.batcher.drain()
        except TimeoutError:
            log.error("drain timed out", dropped=self.batcher.queued_items)
        self.batcher.close()
        for part in self._parts:
            part.close()


def _spare_the_collector() -> None:
    """What is loaded now stays: without this, each full collection walks through it, for 300 ms at a time."""
    gc.collect()
    gc.freeze()


def _batch_limits(settings: Settings) -> BatchLimits:
    return BatchLimits(
        batch_items=settings.max_batch_items,
        batch_tokens=settings.max_batch_tokens,
        queue_items=settings.max_queue_items,
        queue_tokens=settings.max_queue_tokens,
        wait_s=settings.batch_wait_ms / 1000,
    )


def _tracing(settings: Settings) -> Tracing | None:
    if settings.otlp_endpoint is None:
        return None
    from app.tracing import Tracing  # noqa: PLC0415 - an optional extra

    return Tracing(settings)


def _loader(settings: Settings) -> Load:
    def load(path: Path) -> Classifier:
        from models.loading import load_classifier  # noqa: PLC0415 - seconds to import; the server answers meanwhile

        limits = ArchiveLimits(packed_bytes=settings.max_archive_bytes, unpacked_bytes=settings.max_unpacked_bytes)
        classifier = load_classifier(path, hub=settings.hub_dir, limits=limits)
        if settings.precision != FULL:
            _reduce(classifier, path.name, settings.precision)
        if settings.engine != "torch":
            _run_on(settings.engine, classifier, path.name)
        return classifier

    return load


def _reduce(classifier: Classifier, name: str, precision: str) -> None:
    try:
        moved = reduce_precision(classifier, precision)
    except PrecisionRefused as reason:
        log.warning("precision refused", archive=name, precision=precision, reason=str(reason))
    else:
        log.info("precision reduced", archive=name, precision=precision, probability_moved=round(moved, 4))


def _run_on(engine: str, classifier: Classifier, name: str) -> None:
    from models.engine import EngineRefused, use_openvino  # noqa: PLC0415 - as in load

    try:
        moved = use_openvino(classifier)
    except EngineRefused as reason:
        log.warning("engine refused", archive=name, engine=engine, reason=str(reason))
    else:
        log.info("engine chosen", archive=name, engine=engine, probability_moved=round(moved, 6))
