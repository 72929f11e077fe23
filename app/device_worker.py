"""A process of the lane: reads works and batches from a socket, runs them one after the other, writes rows back.

                           ─► Started(process)
    Keep(number, ...)         an object, and by a second socket the file with its weights: kept by its number
    Forget(numbers)
    Run(job, number, ...)  ─► Done(job, rows) or Failed(job, error)

Nobody else has the ends of its sockets, so what it unpickles is what the server pickled. It ends with the server.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Lock, Thread
from typing import Any, NamedTuple, NoReturn

import structlog
import torch

from app.cores import SWITCH_S, Cores
from app.device import RUNS_AND_COLLATES, BareBatch, DeviceLane, DeviceWork
from app.handing_over import Place, dumped, take_over
from app.logging import FRAMES, frames_of
from app.memory import Beside, keep_freed_memory, own_memory
from app.spreading import Spread
from app.stages import TIMED

log = structlog.get_logger(__name__)

HEADER = struct.Struct("=Q")
"""Before each message: how many bytes it has."""


class Ends(NamedTuple):
    """Of the sockets to a process, or of those from it."""

    messages: socket.socket
    files: socket.socket

    def close(self) -> None:
        self.messages.close()
        self.files.close()


def pair_of_ends() -> tuple[Ends, Ends]:
    messages, files = socket.socketpair(), socket.socketpair()
    return Ends(messages[0], files[0]), Ends(messages[1], files[1])


class Started(NamedTuple):
    process: Beside


class Keep(NamedTuple):
    number: int
    pickled: bytes
    places: Sequence[Place]
    has_file: bool


class Forget(NamedTuple):
    numbers: Sequence[int]


class Run(NamedTuple):
    job: int
    number: int
    payloads: Sequence[Any]
    spread: Spread
    timed: bool


class StageTimes(NamedTuple):
    """Nanoseconds since the epoch, and the kind of error that ended it."""

    name: str
    start: int
    end: int
    error: str | None


class Done(NamedTuple):
    """When it `started` by the monotonic clock, and the `seconds` it ran for; `stages` where it was timed."""

    job: int
    value: Any
    started: float
    seconds: float
    stages: Sequence[StageTimes]


class Failed(NamedTuple):
    """An error that is no longer tied to where it was raised; `frames` say where that was."""

    job: int
    kind: type[BaseException]
    args: tuple[Any, ...]
    state: dict[str, Any]
    frames: Sequence[str]
    stages: Sequence[StageTimes]

    @classmethod
    def of(cls, job: int, error: BaseException, stages: Sequence[StageTimes]) -> Failed:
        failed = cls(job, type(error), error.args, error.__dict__, frames_of(error), stages)
        try:
            pickle.loads(pickle.dumps(failed))  # noqa: S301 - its own
        except Exception:  # noqa: BLE001 - whatever an error is made of
            return failed._replace(kind=RuntimeError, args=(f"{type(error).__name__}: {error}",), state={})
        return failed

    @property
    def error(self) -> BaseException:
        error: BaseException = self.kind.__new__(self.kind, *self.args)
        error.__dict__.update(self.state, **{FRAMES: self.frames})
        return error


def sent(message: Any) -> bytes:
    """The message as it goes over the socket."""
    data = dumped(message)
    return HEADER.pack(len(data)) + data


@dataclass
class _Stopwatch:
    """What times the stages of a batch."""

    times: list[StageTimes] = field(default_factory=list)

    def record(self, name: str, start_ns: int, end_ns: int, error: str | None = None) -> None:
        self.times.append(StageTimes(name, start_ns, end_ns, error))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start, failed = time.time_ns(), None
        try:
            yield
        except BaseException as error:
            failed = type(error).__qualname__
            raise
        finally:
            self.record(name, start, time.time_ns(), failed)


class Worker:
    """Its lane's two threads take turns: one of them reads, runs what it has read itself, and the other reads on and
    collates. Where both wait the kernel wakes the one that waited least, so that what comes one by one finds the same
    thread, its memory and its core still warm."""

    def __init__(self, ends: Ends, lane: DeviceLane, inherited: int) -> None:
        self._inherited = inherited
        self._messages = ends.messages
        self._files = ends.files
        self._lane = lane
        self._kept: dict[int, Any] = {}
        self._writing = Lock()
        self._arrivals = select.epoll()
        self._one_is_told = select.EPOLLIN | select.EPOLLONESHOT
        self._arrivals.register(ends.messages, self._one_is_told)

    def serve(self) -> None:
        """Until the server has gone, whatever runs."""
        self._send(Started(Beside(os.getpid(), self._inherited)))
        for _ in range(RUNS_AND_COLLATES):
            Thread(target=self._serve, daemon=True).start()
        gone = select.poll()
        gone.register(self._messages, 0)  # a hang-up is told unasked
        gone.poll()

    def _serve(self) -> None:
        try:
            while task := self._next_task():
                task()
        except BaseException:  # noqa: BLE001 - the server is told by the end of this process
            _fail()

    def _next_task(self) -> Callable[[], None] | None:
        """What there is to run; None where the server has gone."""
        self._arrivals.poll()
        while message := self._next():
            match message:
                case Keep():
                    self._keep(message)
                case Forget(numbers):
                    for number in numbers:
                        self._kept.pop(number, None)
                case Run():
                    task = partial(self._run, self._kept[message.number], message)
                    self._arrivals.modify(self._messages, self._one_is_told)
                    return task
        return None

    def _next(self) -> Any:
        head = self._read(HEADER.size)
        body = head and self._read(HEADER.unpack(head)[0])
        return pickle.loads(body) if body else None  # noqa: S301 - the server's

    def _read(self, size: int) -> bytearray | None:
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            count = self._messages.recv_into(rest)
            if not count:
                return None
            rest = rest[count:]
        return data

    def _keep(self, asked: Keep) -> None:
        file = socket.recv_fds(self._files, 1, 1)[1][0] if asked.has_file else None
        try:
            self._kept[asked.number] = take_over(asked.pickled, asked.places, file, self._kept.__getitem__)
        finally:
            if file is not None:
                os.close(file)

    def _run(self, work: DeviceWork, asked: Run) -> None:
        batch = BareBatch(work, asked.payloads, asked.spread)
        watch = _Stopwatch()
        TIMED.set(watch if asked.timed else None)
        try:
            rows = self._lane.run(batch)
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            self._send(Failed.of(asked.job, error, watch.times))
        else:
            self._send(Done(asked.job, rows, batch.started, batch.seconds, watch.times))

    def _send(self, message: Started | Done | Failed) -> None:
        data = sent(message)
        with self._writing, suppress(ConnectionError):  # nobody waits for it any more
            self._messages.sendall(data)


def run_workers(ends: Sequence[Ends], cores: Cores) -> NoReturn:
    """One for each of the ends, in this process and in forks of it: they share what they have imported. Each serves
    until the server has gone, then ends: a batch that runs on is nobody's any more."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the server says when
        keep_freed_memory()
        sys.setswitchinterval(SWITCH_S)
        import models.explanations  # noqa: PLC0415 - seconds, while the server opens the first archive
        import models.loading  # noqa: F401, PLC0415

        gc.freeze()  # or collecting it would copy what is shared
        own = next((index for index in range(1, len(ends)) if not os.fork()), 0)
        for others in (*ends[:own], *ends[own + 1 :]):
            others.close()
        lane = DeviceLane(torch.device("cpu"), cores, one_by_one=True)
        Worker(ends[own], lane, own_memory() if own else 0).serve()
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as what it is a fork of
        _fail()
    os._exit(0)


def _fail() -> NoReturn:
    log.exception("device process failed")
    sys.stdout.flush()
    os._exit(1)
