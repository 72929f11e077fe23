"""The process that has the device: reads works and batches from a socket, runs them in its lane, writes rows back.

    Keep(number, ...)           an object, and by a second socket the file with its weights  ─► kept by its number
    Forget(numbers)
    Run(job, number, ...)       ─► the lane                       ─► Done(job, rows) or Failed(job, error)
    Measure(job, number, ...)   ─► the lane, trial by trial       ─► the same

Nobody else has the ends of its sockets, so what it unpickles is what its parent pickled. It ends with its parent.
"""

from __future__ import annotations

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

from app.cores import SWITCH_S
from app.device import DeviceLane, DeviceWork
from app.handing_over import Place, dumped, take_over
from app.logging import FRAMES, frames_of
from app.memory import keep_freed_memory
from app.spreading import Spread
from app.stages import TIMED

log = structlog.get_logger(__name__)

HEADER = struct.Struct("=Q")
"""Before each message: how many bytes it has."""


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


class Measure(NamedTuple):
    job: int
    number: int
    payload: Any
    tokens: int


class StageTimes(NamedTuple):
    """Nanoseconds since the epoch, and the kind of error that ended it."""

    name: str
    start: int
    end: int
    error: str | None


class Done(NamedTuple):
    """`seconds` it ran for; `stages` where it was timed."""

    job: int
    value: Any
    seconds: float = 0.0
    stages: Sequence[StageTimes] = ()


class Failed(NamedTuple):
    """An error that is no longer tied to where it was raised; `frames` say where that was."""

    job: int
    kind: type[BaseException]
    args: tuple[Any, ...]
    state: dict[str, Any]
    frames: Sequence[str]
    stages: Sequence[StageTimes]

    @classmethod
    def of(cls, job: int, error: BaseException, stages: Sequence[StageTimes] = ()) -> Failed:
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


@dataclass(eq=False)
class _Batch:
    """As much of a batch as the lane asks for."""

    work: DeviceWork
    payloads: Sequence[Any]
    spread: Spread
    wanted: bool = True
    started: float = 0.0
    seconds: float = 0.0


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
    """As many threads as the lane has cores. One of them reads, runs what it has read itself, and another reads on: a
    hand-over takes as long as a small batch. Of those that wait the kernel wakes the one that waited least, so that
    what comes one by one finds the same thread, its memory and its core still warm."""

    def __init__(self, messages: socket.socket, files: socket.socket, lane: DeviceLane) -> None:
        self._messages = messages
        self._files = files
        self._lane = lane
        self._kept: dict[int, Any] = {}
        self._writing = Lock()
        self._arrivals = select.epoll()
        self._one_is_told = select.EPOLLIN | select.EPOLLONESHOT
        self._arrivals.register(messages, self._one_is_told)

    def serve(self) -> None:
        """Until the parent has gone, whatever runs."""
        for _ in range(self._lane.cores):
            Thread(target=self._serve, daemon=True).start()
        gone = select.poll()
        gone.register(self._messages, 0)  # a hang-up is told unasked
        gone.poll()

    def _serve(self) -> None:
        try:
            while task := self._next_task():
                task()
        except BaseException:  # noqa: BLE001 - the parent is told by the end of this process
            _fail()

    def _next_task(self) -> Callable[[], None] | None:
        """What there is to run; None where the parent has gone."""
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
                case Measure():
                    measure = partial(self._measure, self._kept[message.number], message)
                    Thread(target=measure, daemon=True).start()  # predictions go on meanwhile
        return None

    def _next(self) -> Any:
        head = self._read(HEADER.size)
        body = head and self._read(HEADER.unpack(head)[0])
        return pickle.loads(body) if body else None  # noqa: S301 - its parent's

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
        batch = _Batch(work, asked.payloads, asked.spread)
        watch = _Stopwatch()
        TIMED.set(watch if asked.timed else None)
        try:
            rows = self._lane.run(batch)
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            self._send(Failed.of(asked.job, error, watch.times))
        else:
            self._send(Done(asked.job, rows, batch.seconds, watch.times))

    def _measure(self, work: DeviceWork, asked: Measure) -> None:
        try:
            spreading = self._lane.measure_here(work, asked.payload, asked.tokens)
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            self._send(Failed.of(asked.job, error))
        else:
            self._send(Done(asked.job, spreading))

    def _send(self, message: Done | Failed) -> None:
        data = sent(message)
        with self._writing, suppress(ConnectionError):  # nobody waits for it any more
            self._messages.sendall(data)


def run_worker(messages: socket.socket, files: socket.socket, cores: int) -> NoReturn:
    """Serves until the parent has gone, then ends the process: a batch that runs on is nobody's any more."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the parent says when
        keep_freed_memory()
        sys.setswitchinterval(SWITCH_S)
        import models.explanations  # noqa: PLC0415 - seconds, while the parent opens the first archive
        import models.loading  # noqa: F401, PLC0415

        Worker(messages, files, DeviceLane(torch.device("cpu"), cores)).serve()
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as its parent
        _fail()
    os._exit(0)


def _fail() -> NoReturn:
    log.exception("device process failed")
    sys.stdout.flush()
    os._exit(1)
