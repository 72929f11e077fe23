"""A process of the lane, as this one sees it: what it was given to run, and the socket between them."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from app.device_worker import HEADER, Done, Ends, Failed, Forget, Keep, Run, Started, sent
from app.errors import DeviceLost
from app.memory import Beside


class DeviceProcess:
    """It has the other ends in app/device_worker.py. `on_lost` is called where it ends by itself, with its pid."""

    def __init__(self, ends: Ends, on_lost: Callable[[int | None], None]) -> None:
        self._ends = ends
        self._on_lost = on_lost
        self._connection: _Connection | None = None
        self._jobs: dict[int, tuple[asyncio.Future[Done | Failed], float]] = {}
        self.started: Beside | None = None
        """Once it has begun to work."""

    async def connect(self) -> None:
        self._connection = connection = _Connection(self._told, self._lost)
        await asyncio.get_running_loop().create_connection(lambda: connection, sock=self._ends.messages)

    def tell(self, message: Keep | Forget) -> None:
        if self._connection:
            self._connection.write(message)

    def give(self, file: int) -> None:
        """The file of what it was told to keep."""
        socket.send_fds(self._ends.files, [b"."], [file])

    async def run(self, asked: Run) -> Done | Failed:
        """Raises DeviceLost."""
        if not self._connection:
            raise DeviceLost
        answer: asyncio.Future[Done | Failed] = asyncio.get_running_loop().create_future()
        self._connection.write(asked)
        self._jobs[asked.job] = answer, time.monotonic()  # until it is answered, whoever still waits for it
        return await answer

    @property
    def busy_since(self) -> list[float]:
        """When each of what it is at was given to it, the oldest first."""
        return [since for _, since in self._jobs.values()]

    def _told(self, message: Started | Done | Failed) -> None:
        if isinstance(message, Started):
            self.started = message.process
            return
        answer, _ = self._jobs.pop(message.job)
        if not answer.done():
            answer.set_result(message)

    def _lost(self) -> None:
        self._connection = None
        for answer, _ in self._jobs.values():
            if not answer.done():
                answer.set_exception(DeviceLost())
        self._on_lost(self.started and self.started.pid)

    def close(self) -> None:
        """Ends it, whatever it is at."""
        if self.started:
            with suppress(ProcessLookupError):
                os.kill(self.started.pid, signal.SIGKILL)
        self._ends.files.close()
        if self._connection:
            self._connection.close()
        else:
            self._ends.messages.close()


class _Connection(asyncio.Protocol):
    """Messages to and fro."""

    def __init__(self, told: Callable[[Started | Done | Failed], None], lost: Callable[[], None]) -> None:
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
