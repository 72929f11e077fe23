"""The device lane: what touches the device goes through it, in this process or in one of its own."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

import structlog
import torch

from app import batch as batches
from app.cores import Cores, run_on
from app.errors import DeviceLost, OutOfMemory
from app.memory import host_memory
from app.spreading import Spread, Spreading
from app.stages import stage
from app.trials import Trial, trials
from models.classifier import Batch, Classifier

if TYPE_CHECKING:
    from app.device_processes import DeviceProcesses

log = structlog.get_logger(__name__)

T = TypeVar("T")


class DeviceWork(batches.Work, Protocol):
    """Work that the lane can run."""

    @property
    def classifier(self) -> Classifier:
        """Whose work it is."""

    def collate(self, payloads: Sequence[Any]) -> Batch:
        """CPU tensors of the payloads. Runs beside the device."""

    def run(self, batch: Batch) -> Sequence[Any]:
        """One row for each payload. Runs on the device's thread, with the batch on the device."""

    def ran(self, payloads: Sequence[Any], seconds: float) -> None:
        """Is told of each batch of it that has run, by the event loop."""


class Runs(Protocol):
    """A batch, as far as running it is concerned."""

    started: float
    seconds: float

    @property
    def work(self) -> Any: ...

    @property
    def payloads(self) -> Sequence[Any]: ...

    @property
    def spread(self) -> Spread: ...

    @property
    def wanted(self) -> bool: ...


@dataclass(eq=False)
class BareBatch:
    """As much of a batch as the lane asks for."""

    work: DeviceWork
    payloads: Sequence[Any]
    spread: Spread
    wanted: bool = True
    started: float = 0.0
    seconds: float = 0.0


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
    """Runs what it is given: on a GPU, or where it is told to, one after the other, and what comes next is collated
    meanwhile; on a CPU side by side on its cores, but for those of works whose batches had better not. Where there are
    `processes`, the works of classifiers that could be handed over run there."""

    def __init__(
        self, device: torch.device, cores: Cores, processes: DeviceProcesses | None = None, *, one_by_one: bool = False
    ) -> None:
        self.device = device
        self._processes = processes
        self._cores = cores
        self.cores = cores.count if device.type == "cpu" else 1
        self._busy_since: dict[int, float] = {}
        one_by_one = one_by_one or device.type != "cpu"
        self._threads = ThreadPoolExecutor(RUNS_AND_COLLATES if one_by_one else self.cores, "lane")
        # OpenMP keeps threads for every thread that ever asked for several, and once there are more of them than cores
        # they sleep between operations: whatever takes several has to ask from the same few threads.
        self._teams = ThreadPoolExecutor(1 if one_by_one else max(1, self.cores // 2), "team")
        self._device: AbstractContextManager[Any] = Lock() if one_by_one else nullcontext()
        self._one_by_one = one_by_one
        self._alone: WeakKeyDictionary[batches.Work, Lock] = WeakKeyDictionary()

    async def place(self, classifier: Classifier) -> None:
        """Puts it where its works will run. Raises OutOfMemory, DeviceLost."""
        if self._processes is None or not await self._processes.take(classifier):
            await self.call(classifier.to, self.device)

    async def execute(self, batch: Runs) -> Sequence[Any]:
        """Rows of the batch. Raises OutOfMemory, DeviceLost, or whatever the work raised."""
        rows = await self._rows(batch)
        if batch.seconds:
            batch.work.ran(batch.payloads, batch.seconds)
        return rows

    async def _rows(self, batch: Runs) -> Sequence[Any]:
        if self._processes and self._processes.has(batch.work.classifier):
            return await self._processes.execute(batch)
        return await asyncio.wrap_future(self.submit(batch))

    def submit(self, batch: Runs) -> Future[Sequence[Any]]:
        """The same, by a thread of this process."""
        pool = self._teams if batch.spread.threads > 1 else self._threads
        return pool.submit(copy_context().run, self._timed, self._run, batch)

    def run(self, batch: Runs) -> Sequence[Any]:
        """The same, by this thread where it can."""
        if batch.spread.threads > 1:
            return self.submit(batch).result()
        return self._timed(self._run, batch)

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Anything else that touches the device."""
        return await asyncio.wrap_future(self._threads.submit(self._timed, self._on_device, function, *args))

    async def measure(self, work: DeviceWork, payload: Any, tokens: int) -> Spreading:
        """How batches of payloads like this one are spread best. Other batches run between two trials."""
        wanted = trials(self.cores, payload, tokens)
        try:
            trial = next(wanted)
            while True:
                trial = wanted.send(await self._seconds(work, trial))
        except StopIteration as end:
            spreading: Spreading = end.value
            return spreading

    async def _seconds(self, work: DeviceWork, trial: Trial) -> float:
        parts = [BareBatch(work, payloads, trial.spread) for payloads in trial.parts]
        await asyncio.gather(*map(self._rows, parts))
        return max(part.started + part.seconds for part in parts) - min(part.started for part in parts)

    def _on_device(self, function: Callable[..., T], *args: Any) -> T:
        with self._device:
            return function(*args)

    def _run(self, batch: Runs) -> Sequence[Any]:
        work: DeviceWork = batch.work
        collated = self._collated(work, batch) if batch.wanted else None
        with self._turn(batch), self._cores_of(batch):
            if collated is None or not batch.wanted:
                return [None] * len(batch.payloads)
            batch.started = time.monotonic()
            rows = run_on(batch.spread.threads, work, collated.to(self.device))
            batch.seconds = time.monotonic() - batch.started
            return rows

    def _collated(self, work: DeviceWork, batch: Runs) -> Batch:
        with stage("collate"):
            collated = work.collate(batch.payloads)
            return collated.pin() if self.device.type == "cuda" else collated

    def _turn(self, batch: Runs) -> AbstractContextManager[Any]:
        if not self._one_by_one and batch.spread.parts == 1:
            return self._alone.setdefault(batch.work, Lock())
        return self._device

    def _cores_of(self, batch: Runs) -> AbstractContextManager[Any]:
        return self._cores.taken(batch.spread.threads) if self.device.type == "cpu" else nullcontext()

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
        since = [*self._busy_since.values(), *(self._processes.busy_since if self._processes else ())]
        return time.monotonic() - min(since) if since else 0.0

    def memory(self) -> dict[str, int]:
        """Bytes on the device by use; those of this process, and of the lane's own, for a CPU."""
        if self.device.type != "cuda":
            return host_memory(beside=self._processes.started if self._processes else ())
        return {
            "allocated": torch.cuda.memory_allocated(self.device),
            "reserved": torch.cuda.memory_reserved(self.device),
            "total": torch.cuda.get_device_properties(self.device).total_memory,
        }

    def close(self) -> None:
        if self._processes:
            self._processes.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._teams.shutdown(wait=False, cancel_futures=True)


RUNS_AND_COLLATES = 2
"""Threads of what runs one batch after the other: one of them collates the next meanwhile."""


OUT_OF_MEMORY = "can't allocate memory", "CUDA out of memory"
"""In errors that have no type of their own: those of the CPU, and all that TorchScript passes on."""


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(words in str(error) for words in OUT_OF_MEMORY)
