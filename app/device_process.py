"""The device lane in a process of its own: its batches and the event loop do not wait for each other's interpreter.

this process                                   app/device_worker.py
classifier ─► its weights to shared memory ──► the same classifier, the same memory
batch ─► payloads, pickled ───── socket ─────► collate, encode, head
rows  ◄────────────────────────────────────────┘
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, cast
from weakref import WeakKeyDictionary, finalize

import structlog

from app.device import DeviceWork, Runs
from app.device_worker import HEADER, Done, Failed, Forget, Keep, Measure, Run, run_worker, sent
from app.errors import DeviceLost
from app.handing_over import Handed, hand_over
from app.served import OtherWork, ServedModel
from app.spreading import Spreading
from app.stages import TIMED
from models.classifier import Classifier

log = structlog.get_logger(__name__)


class DeviceProcess:
    """Start it before this process has threads: it is a fork. `on_lost` is called once where it ends by itself."""

    def __init__(self, cores: int) -> None:
        ours, theirs = socket.socketpair()
        files, their_files = socket.socketpair()
        pid = os.fork()
        if not pid:
            ours.close()
            files.close()
            run_worker(theirs, their_files, cores)
        theirs.close()
        their_files.close()
        self.pid = pid
        self.on_lost: Callable[[], None] = lambda: None
        self._socket = ours
        self._files = files
        self._connection: asyncio.Task[_Connection] | None = None
        self._numbers: WeakKeyDictionary[Classifier, int] = WeakKeyDictionary()
        self._works_of: WeakKeyDictionary[ServedModel, dict[tuple[Any, ...], int]] = WeakKeyDictionary()
        """The numbers of a served model's works by their keys: new ones are made for every explanation."""
        self._count = count()
        self._closed = False
        self._jobs: dict[int, tuple[asyncio.Future[Done | Failed], float]] = {}

    async def take(self, classifier: Classifier) -> bool:
        """Its works run there from now on; False where it cannot be handed over. Raises DeviceLost."""
        connection = await self._connected()
        try:
            handed = await asyncio.to_thread(hand_over, classifier, lambda part: None)
        except (pickle.PicklingError, AttributeError, TypeError, RuntimeError) as error:
            log.warning("classifier kept in this process", error=type(error).__name__, reason=str(error))
            return False
        number = self._numbers[classifier] = self._keep(connection, handed)
        finalize(classifier, self._forget, [number])
        return True

    def has(self, classifier: Classifier) -> bool:
        return classifier in self._numbers

    async def execute(self, batch: Runs) -> Sequence[Any]:
        """Rows of the batch, whose classifier is there. Raises DeviceLost, and what the lane there raises."""
        timed = TIMED.get()
        told = await self._ask(
            batch.work, lambda job, number: Run(job, number, batch.payloads, batch.spread, timed is not None)
        )
        if timed:
            for stage in told.stages:
                timed.record(*stage)
        if isinstance(told, Failed):
            raise told.error
        batch.seconds = told.seconds
        batch.started = time.monotonic() - told.seconds
        rows: Sequence[Any] = told.value
        return rows

    async def measure(self, work: DeviceWork, payload: Any, tokens: int) -> Spreading:
        told = await self._ask(work, lambda job, number: Measure(job, number, payload, tokens))
        if isinstance(told, Failed):
            raise told.error
        spreading: Spreading = told.value
        return spreading

    async def _ask(self, work: DeviceWork, message: Callable[[int, int], Run | Measure]) -> Done | Failed:
        connection = await self._connected()
        number = self._number(connection, work)
        job, answer = next(self._count), asyncio.get_running_loop().create_future()
        connection.write(message(job, number))
        self._jobs[job] = answer, time.monotonic()  # until it is answered, whoever still waits for it
        told: Done | Failed = await answer
        return told

    def _number(self, connection: _Connection, work: Any) -> int:
        """What the work is called there. It is kept for as long as the served model that it is of."""
        served, key = (work.served, work.key) if isinstance(work, OtherWork) else (work, ())
        if served not in self._works_of:
            works = self._works_of[served] = {}
            finalize(served, self._forget, works.values())
        works = self._works_of[served]
        if key not in works:
            works[key] = self._keep(connection, hand_over(work, partial(self._number_of_part, connection, work)))
        return works[key]

    def _number_of_part(self, connection: _Connection, work: Any, part: Any) -> int | None:
        """Of what others share, and is handed over by itself."""
        if isinstance(part, Classifier):
            return self._numbers[part]
        return self._number(connection, part) if isinstance(part, ServedModel) and part is not work else None

    def _keep(self, connection: _Connection, handed: Handed) -> int:
        number = next(self._count)
        connection.write(Keep(number, handed.pickled, handed.places, handed.file is not None))
        if handed.file is not None:
            socket.send_fds(self._files, [b"."], [handed.file])
            os.close(handed.file)
        return number

    def _forget(self, numbers: Iterable[int]) -> None:
        if self._connection and self._connection.done() and not self._closed:
            loop = self._connection.get_loop()
            with suppress(RuntimeError):  # the loop has ended, and the other process with it
                loop.call_soon_threadsafe(self._connection.result().write, Forget(tuple(numbers)))

    async def _connected(self) -> _Connection:
        if self._closed:
            raise DeviceLost
        if not self._connection:
            self._connection = asyncio.ensure_future(self._connect())
        return await asyncio.shield(self._connection)

    async def _connect(self) -> _Connection:
        connection = _Connection(self._told, self._lost)
        await asyncio.get_running_loop().create_connection(lambda: connection, sock=self._socket)
        return connection

    def _told(self, message: Done | Failed) -> None:
        answer, _ = self._jobs.pop(message.job)
        if not answer.done():
            answer.set_result(message)

    def _lost(self) -> None:
        for answer, _ in self._jobs.values():
            if not answer.done():
                answer.set_exception(DeviceLost())
        if not self._closed:
            self._closed = True
            log.critical("device process ended", pid=self.pid)
            self.on_lost()

    @property
    def busy_since(self) -> list[float]:
        """When each of what it is at was given to it."""
        return [since for _, since in self._jobs.values()]

    def close(self) -> None:
        self._closed = True
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._files.close()
        if self._connection and self._connection.done():
            self._connection.result().close()
        else:
            self._socket.close()


class _Connection(asyncio.Protocol):
    """Messages to and fro."""

    def __init__(self, told: Callable[[Done | Failed], None], lost: Callable[[], None]) -> None:
        self._told = told
        self._lost = lost
        self._unread = bytearray()
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def write(self, message: Any) -> None:
        self._transport.write(sent(message))

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while len(self._unread) >= HEADER.size:
            end = HEADER.size + HEADER.unpack_from(self._unread)[0]
            if len(self._unread) < end:
                return
            message = pickle.loads(self._unread[HEADER.size : end])  # noqa: S301 - of the process it forked
            del self._unread[:end]
            self._told(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost()

    def close(self) -> None:
        self._transport.close()
