"""The device lane: one thread that touches the device, and one that collates the next batch meanwhile."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog
import torch

from app import batch as batches
from app.cores import Cores, Part, Spread, Spreading
from app.errors import DeviceLost, OutOfMemory
from app.memory import host_memory
from app.stages import stage
from models.classifier import Batch

log = structlog.get_logger(__name__)

T = TypeVar("T")


Collated = Batch | tuple[Spread, Sequence[Part]]
"""For another device as a whole; for the CPU in parts."""


class DeviceWork(batches.Work, Protocol):
    """Work that the lane can run."""

    @property
    def spreading(self) -> Spreading:
        """How the cores share its batches."""

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
    """Runs what it is given in order, one after the other. `cores` share each batch where the device is the CPU."""

    def __init__(self, device: torch.device, cores: int) -> None:
        self.device = device
        self._busy_since: float | None = None
        self._under_way = 0
        self._device_thread = ThreadPoolExecutor(1, "device")
        self._collate_thread = ThreadPoolExecutor(1, "collate")
        self._cores = Cores(cores if device.type == "cpu" else 1)

    async def execute(self, batch: batches.Batch) -> Sequence[Any]:
        """Rows of the batch. Raises OutOfMemory, DeviceLost, or whatever the work raised.

        While another batch runs this one is collated; to an idle device it goes as it is, which is a thread less.
        """
        collate: Callable[[], Collated] = partial(self._collate, batch)
        if self._under_way:
            collate = self._collate_thread.submit(copy_context().run, collate).result
        run = self._device_thread.submit(copy_context().run, self._timed, self._run, batch, collate)
        self._under_way += 1
        try:
            return await asyncio.wrap_future(run)
        finally:
            self._under_way -= 1

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Anything else that touches the device: loading, say."""
        return await asyncio.wrap_future(self._device_thread.submit(self._timed, function, *args))

    async def measure(self, work: DeviceWork, payload: Any, tokens: int) -> Spreading:
        """How batches of payloads like this one are spread best. Other batches run between two trials."""
        if self._cores.count == 1:
            return Spreading()
        trials = self._cores.trials(work, payload, tokens)
        try:
            trial = next(trials)
            while True:
                trial = trials.send(await self.call(trial))
        except StopIteration as end:
            spreading: Spreading = end.value
            return spreading

    def _collate(self, batch: batches.Batch) -> Collated:
        work = _work(batch)
        with stage("collate"):
            if self.device.type == "cuda":
                return work.collate(batch.payloads).pin()
            tokens = [item.tokens for item in batch.items]
            spread = work.spreading.of(tokens)
            return spread, self._cores.collate(work, batch.payloads, tokens, spread)

    def _run(self, batch: batches.Batch, collate: Callable[[], Collated]) -> Sequence[Any]:
        if not batch.wanted:
            return [None] * len(batch.items)
        collated = collate()
        if isinstance(collated, Batch):
            return _work(batch).run(collated.to(self.device))
        spread, parts = collated
        return self._cores.run(_work(batch), parts, spread)

    def _timed(self, function: Callable[..., T], *args: Any) -> T:
        self._busy_since = time.monotonic()
        try:
            return function(*args)
        except (RuntimeError, MemoryError) as error:
            named = self._named(error)
            if named is error:
                raise
            raise named from None
        finally:
            self._busy_since = None

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
        """How long the lane has been at what it is doing."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

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
        for thread in (self._collate_thread, self._device_thread):
            thread.shutdown(wait=False, cancel_futures=True)
        self._cores.close()


def _work(batch: batches.Batch) -> DeviceWork:
    return batch.work  # type: ignore[return-value]  # the batcher knows less of works than the lane does


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
