"""The lane in processes of its own, one for each core: batches and the event loop do not wait for each other's
interpreter, nor batches that run side by side.

this process                                   each of the others (app/device_worker.py)
classifier ─► its weights to shared memory ──► the same classifier, the same memory
batch ─► payloads, pickled ───── socket ─────► collate, encode, head, in the one that has least to do
rows  ◄────────────────────────────────────────┘
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary, finalize

import structlog

from app.cores import Cores
from app.device import DeviceWork, Runs
from app.device_process import DeviceProcess
from app.device_worker import Failed, Forget, Keep, Run, pair_of_ends, run_workers
from app.errors import DeviceLost
from app.handing_over import Handed, hand_over
from app.memory import Beside
from app.served import OtherWork, ServedModel
from app.stages import TIMED
from models.classifier import Classifier

log = structlog.get_logger(__name__)


class DeviceProcesses:
    """Start them before this process has threads: they are forks. `on_lost` is called once where one ends by itself."""

    def __init__(self, cores: Cores) -> None:
        self.cores = cores
        ends = [pair_of_ends() for _ in range(cores.count)]
        self._first = os.fork()
        """Of which the others are forks."""
        if not self._first:
            for ours, _ in ends:
                ours.close()
            run_workers([theirs for _, theirs in ends], cores)
        for _, theirs in ends:
            theirs.close()
        self.on_lost: Callable[[], None] = lambda: None
        self._all = [DeviceProcess(ours, self._lost) for ours, _ in ends]
        self._connecting: asyncio.Task[None] | None = None
        self._numbers: WeakKeyDictionary[Classifier, int] = WeakKeyDictionary()
        self._works_of: WeakKeyDictionary[ServedModel, dict[tuple[Any, ...], int]] = WeakKeyDictionary()
        """The numbers of a served model's works by their keys: new ones are made for every explanation."""
        self._count = count()
        self._closed = False

    async def take(self, classifier: Classifier) -> bool:
        """Its works run there from now on; False where it cannot be handed over. Raises DeviceLost."""
        await self._connected()
        try:
            handed = await asyncio.to_thread(hand_over, classifier, lambda part: None)
        except (pickle.PicklingError, AttributeError, TypeError, RuntimeError) as error:
            log.warning("classifier kept in this process", error=type(error).__name__, reason=str(error))
            return False
        number = self._numbers[classifier] = self._keep(handed)
        finalize(classifier, self._forget, asyncio.get_running_loop(), [number])
        return True

    def has(self, classifier: Classifier) -> bool:
        return classifier in self._numbers

    async def execute(self, batch: Runs) -> Sequence[Any]:
        """Rows of the batch, whose classifier is there. Raises DeviceLost, and what the lane there raises."""
        await self._connected()
        timed = TIMED.get()
        number = self._number(batch.work)
        asked = Run(next(self._count), number, batch.payloads, batch.spread, timed is not None)
        told = await self._least_busy.run(asked)
        if timed:
            for stage in told.stages:
                timed.record(*stage)
        if isinstance(told, Failed):
            raise told.error
        batch.started, batch.seconds = told.started, told.seconds
        rows: Sequence[Any] = told.value
        return rows

    @property
    def _least_busy(self) -> DeviceProcess:
        """Of the idle ones always the same, whose memory and core are still warm; of the others, the one that began
        first will soonest end."""
        return min(self._all, key=lambda process: (len(process.busy_since), process.busy_since))

    def _number(self, work: Any) -> int:
        """What the work is called there. It is kept for as long as the served model that it is of."""
        served, key = (work.served, work.key) if isinstance(work, OtherWork) else (work, ())
        if served not in self._works_of:
            works = self._works_of[served] = {}
            finalize(served, self._forget, asyncio.get_running_loop(), works.values())
        works = self._works_of[served]
        if key not in works:
            works[key] = self._keep(hand_over(work, partial(self._number_of_part, work)))
        return works[key]

    def _number_of_part(self, work: DeviceWork, part: Any) -> int | None:
        """Of what others share, and is handed over by itself."""
        if isinstance(part, Classifier):
            return self._numbers[part]
        return self._number(part) if isinstance(part, ServedModel) and part is not work else None

    def _keep(self, handed: Handed) -> int:
        number = next(self._count)
        for process in self._all:
            process.tell(Keep(number, handed.pickled, handed.places, handed.file is not None))
            if handed.file is not None:
                process.give(handed.file)
        if handed.file is not None:
            os.close(handed.file)
        return number

    def _forget(self, loop: asyncio.AbstractEventLoop, numbers: Iterable[int]) -> None:
        """From any thread, as garbage is collected by whichever comes upon it."""
        with suppress(RuntimeError):  # the loop has ended, and the other processes with it
            for process in self._all:
                loop.call_soon_threadsafe(process.tell, Forget(tuple(numbers)))

    async def _connected(self) -> None:
        if self._closed:
            raise DeviceLost
        if not self._connecting:
            self._connecting = asyncio.ensure_future(self._connect())
        await asyncio.shield(self._connecting)

    async def _connect(self) -> None:
        for process in self._all:
            await process.connect()

    def _lost(self, pid: int | None) -> None:
        if not self._closed:
            log.critical("device process ended", pid=pid)
            self.close()
            self.on_lost()

    @property
    def started(self) -> list[Beside]:
        """Those that have begun to work."""
        return [process.started for process in self._all if process.started]

    @property
    def busy_since(self) -> list[float]:
        """When each of what they are at was given to them."""
        return [since for process in self._all for since in process.busy_since]

    def close(self) -> None:
        self._closed = True
        for process in self._all:
            process.close()
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._first, signal.SIGKILL)
            os.waitpid(self._first, 0)
