"""The device lane: what touches the device goes through it."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from threading import Lock, get_ident
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

import structlog
import torch

from app import batch as batches
from app.cores import Cores, run_on
from app.errors import DeviceLost, OutOfMemory
from app.memory import host_memory
from app.spreading import Spreading
from app.stages import stage
from models.classifier import Batch

log = structlog.get_logger(__name__)

T = TypeVar("T")


class DeviceWork(batches.Work, Protocol):
    """Work that the lane can run."""

    def collate(self, payloads: Sequence[Any]) -> Batch:
        """CPU tensors of the payloads. Runs beside the device."""

    def run(self, batch: Batch) -> Sequence[Any]:
        """One row for each payload. Runs on the device's thread, with the batch on the device."""


def choose_device(name: str) -> torch.device:
    """`auto` is the first CUDA device, else the CPU. Raises ValueError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        there = ", ".join(["cpu", *(f"cuda:{index}" for index in range(count))])
        raise ValueError(f"device {name!r} is not there. Choose from: auto, {there}.")
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


class DeviceLane:
    """Runs what it is given: on a GPU one after the other, and what comes next is collated meanwhile; on a CPU side by
    side on its `cores`, but for those of works whose batches had better not."""

    def __init__(self, device: torch.device, cores: int) -> None:
        self.device = device
        self.cores = cores if device.type == "cpu" else 1
        self._busy_since: dict[int, float] = {}
        self._threads = ThreadPoolExecutor(self.cores if device.type == "cpu" else RUNS_AND_COLLATES, "lane")
        self._device: AbstractContextManager[Any] = nullcontext() if device.type == "cpu" else Lock()
        self._alone: WeakKeyDictionary[batches.Work, Lock] = WeakKeyDictionary()
        self._trials = Cores(self.cores)

    async def execute(self, batch: batches.Batch) -> Sequence[Any]:
        """Rows of the batch. Raises OutOfMemory, DeviceLost, or whatever the work raised."""
        pool = self._trials.pool(batch.spread) or self._threads
        run = pool.submit(copy_context().run, self._timed, self._run, batch)
        return await asyncio.wrap_future(run)

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Anything else that touches the device: loading, say."""

        def call() -> T:
            with self._device:
                return function(*args)

        return await asyncio.wrap_future(self._threads.submit(self._timed, call))

    async def measure(self, work: DeviceWork, payload: Any, tokens: int) -> Spreading:
        """How batches of payloads like this one are spread best. Other batches run between two trials."""
        trials = self._trials.trials(work, payload, tokens)
        try:
            trial = next(trials)
            while True:
                trial = trials.send(await self.call(trial))
        except StopIteration as end:
            spreading: Spreading = end.value
            return spreading

    def _run(self, batch: batches.Batch) -> Sequence[Any]:
        work: DeviceWork = batch.work  # type: ignore[assignment]  # the batcher knows less of works than the lane does
        collated = self._collated(work, batch) if batch.wanted else None
        with self._turn(batch):
            if collated is None or not batch.wanted:
                return [None] * len(batch.items)
            batch.started = time.monotonic()
            return run_on(batch.spread.threads, work, collated.to(self.device))

    def _collated(self, work: DeviceWork, batch: batches.Batch) -> Batch:
        with stage("collate"):
            collated = work.collate(batch.payloads)
            return collated.pin() if self.device.type == "cuda" else collated

    def _turn(self, batch: batches.Batch) -> AbstractContextManager[Any]:
        if self.device.type == "cpu" and batch.spread.parts == 1:
            return self._alone.setdefault(batch.work, Lock())
        return self._device

    def _timed(self, function: Callable[..., T], *args: Any) -> T:
        self._busy_since[get_ident()] = time.monotonic()
        try:
            return function(*args)
        except (RuntimeError, MemoryError) as error:
            named = self._named(error)
            if named is error:
                raise
            raise named from None
        finally:
            del self._busy_since[get_ident()]

    def _named(self, error: RuntimeError | MemoryError) -> Exception:
        """What the service calls an error of torch."""
        if _is_out_of_memory(error):
            self._free(error)
            return OutOfMemory()
        if self.device.type == "cuda" and not self._device_works():
            log.critical("device error", device=str(self.device), error=str(error))
            return DeviceLost()
        return error

    def _free(self, error: BaseException) -> None:
        """The error's frames hold the tensors of the failed batch, for which a second try needs the room."""
        traceback.clear_frames(error.__traceback__)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _device_works(self) -> bool:
        """A CUDA error that spoils the context (a failed kernel assert, say) makes every later call fail too."""
        try:
            torch.ones(1, device=self.device).item()
        except RuntimeError as error:
            return _is_out_of_memory(error)
        return True

    @property
    def busy_s(self) -> float:
        """How long the lane has been at the oldest of what it is doing."""
        since = list(self._busy_since.values())
        return time.monotonic() - min(since) if since else 0.0

    def memory(self) -> dict[str, int]:
        """Bytes on the device by use; those of the process for a CPU."""
        if self.device.type != "cuda":
            return host_memory()
        return {
            "allocated": torch.cuda.memory_allocated(self.device),
            "reserved": torch.cuda.memory_reserved(self.device),
            "total": torch.cuda.get_device_properties(self.device).total_memory,
        }

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._trials.close()


RUNS_AND_COLLATES = 2
"""Threads at a GPU: one runs a batch while the other collates the next."""


OUT_OF_MEMORY = "can't allocate memory", "CUDA out of memory"
"""In errors that have no type of their own: those of the CPU, and all that TorchScript passes on."""


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(words in str(error) for words in OUT_OF_MEMORY)
