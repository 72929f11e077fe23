"""A lean HTTP load generator, a process of its own: `python -m app.bench.client < job.json` prints JSON.

Closed loop: a client sends its next request when its last is answered. Open loop: requests are due at random times
of a fixed rate, whatever the server does, and their latency counts from when they were due.
Nothing is parsed or compared while the clock runs: what was answered goes to the parent, each distinct answer once.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import uvloop

LAST_ANSWERS_S = 30.0
"""How long to wait for answers once nothing more is sent; what is missing then is an error."""
OPEN_CONNECTIONS = 64
"""Connections that an open loop begins with; it opens more when all are taken."""
CONTENT_LENGTH = re.compile(rb"(?i)\r\ncontent-length:\s*(\d+)")


def whole_answer(received: bytes) -> tuple[int, bytes] | None:
    """Status and body; None where some of it is still to come."""
    head, complete, body = received.partition(b"\r\n\r\n")
    if not complete:
        return None
    if length := CONTENT_LENGTH.search(head):
        return (int(head[9:12]), body) if len(body) >= int(length[1]) else None
    return (int(head[9:12]), _unchunked(body)) if body.endswith(b"0\r\n\r\n") else None


def _unchunked(body: bytes) -> bytes:
    parts = []
    while (size := int(body[: (end := body.index(b"\r\n"))], 16)) > 0:
        parts.append(body[end + 2 : end + 2 + size])
        body = body[end + 4 + size :]
    return b"".join(parts)


class Connection(asyncio.Protocol):
    """Kept alive, with at most one request on its way."""

    def __init__(
        self, on_answer: Callable[[Connection, int, bytes], None], on_lost: Callable[[Connection], None]
    ) -> None:
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._received = b""
        self.transport: Any = None
        self.request = 0
        self.due = 0.0
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self, request: int, payload: bytes, due: float) -> None:
        self.request, self.due, self.busy = request, due, True
        self.transport.write(payload)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if answer := whole_answer(self._received):
            self._received = b""
            self.busy = False
            self._on_answer(self, *answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost(self)


class Tally:
    """What came back. Only what comes while the clock runs is counted and timed; everything is kept to be checked."""

    def __init__(self, begin: float, end: float) -> None:
        self.begin, self.end = begin, end
        self.latencies: list[float] = []
        self.answers: Counter[tuple[int, bytes]] = Counter()
        self.errors: Counter[str] = Counter()

    def add(self, request: int, due: float, status: int, body: bytes) -> None:
        now = time.perf_counter()
        if status != 200:
            self.errors[f"status {status}"] += 1
            return
        self.answers[request, body] += 1
        if self.begin <= now < self.end:
            self.latencies.append(now - due)


class Generator:
    """Sends `payloads` to one address, over as many connections as it takes."""

    def __init__(self, host: str, port: int, payloads: Sequence[bytes], tally: Tally) -> None:
        self._address = host, port
        self._payloads = payloads
        self._tally = tally
        self._idle: deque[Connection] = deque()
        self._waiting: deque[tuple[int, float]] = deque()
        self._under_way = 0
        self._finished = asyncio.Event()

    async def connect(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        make = partial(Connection, self._answered, self._lost)
        for _ in range(count):
            _, connection = await loop.create_connection(make, *self._address)
            self._idle.append(connection)
            self._send_waiting()

    def send(self, request: int, due: float) -> None:
        self._under_way += 1
        self._waiting.append((request % len(self._payloads), due))
        if not self._idle:
            asyncio.get_running_loop().create_task(self.connect(1))
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self._waiting and self._idle:
            request, due = self._waiting.popleft()
            self._idle.pop().send(request, self._payloads[request], due)

    def _answered(self, connection: Connection, status: int, body: bytes) -> None:
        self._tally.add(connection.request, connection.due, status, body)
        self._idle.append(connection)
        self._settle(connection.request)

    def _lost(self, connection: Connection) -> None:
        if connection.busy:
            self._tally.errors["connection lost"] += 1
            self._settle(connection.request)
        elif connection in self._idle:
            self._idle.remove(connection)

    def _settle(self, request: int) -> None:
        self._under_way -= 1
        self.after_answer(request)
        if not self._under_way:
            self._finished.set()

    def after_answer(self, request: int) -> None:
        """What an answer, or its failure, leads to."""

    async def drain(self) -> None:
        """Until all that was sent is answered."""
        try:
            async with asyncio.timeout(LAST_ANSWERS_S):
                while self._under_way:
                    self._finished.clear()
                    await self._finished.wait()
        except TimeoutError:
            self._tally.errors["no answer"] += self._under_way


class ClosedLoop(Generator):
    async def run(self, clients: int) -> None:
        """Each client begins at another request."""
        await self.connect(clients)
        step = max(1, len(self._payloads) // clients)
        for client in range(clients):
            self.send(client * step, time.perf_counter())
        await asyncio.sleep(self._tally.end - time.perf_counter())
        await self.drain()

    def after_answer(self, request: int) -> None:
        now = time.perf_counter()
        if now < self._tally.end:
            self.send(request + 1, now)


class OpenLoop(Generator):
    async def run(self, rate: float, seed: int) -> None:
        """`rate` requests a second, at the times of a Poisson process."""
        await self.connect(OPEN_CONNECTIONS)
        rng = random.Random(seed)  # noqa: S311 - the same times for every server, not a secret
        due, request = time.perf_counter(), 0
        while (due := due + rng.expovariate(rate)) < self._tally.end:
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            self.send(request, due)
            request += 1
        await self.drain()


class Bursts(Generator):
    async def run(self, size: int) -> tuple[list[float], list[bytes]]:
        """So many requests at the same time, one burst after the other over the same connections: the seconds of each
        from its first byte sent to its last answer, and the bodies of all in order."""
        await self.connect(size)
        seconds: list[float] = []
        for first in range(0, len(self._payloads), size):
            started = time.perf_counter()
            for request in range(first, min(first + size, len(self._payloads))):
                self.send(request, started)
            await self.drain()
            seconds.append(time.perf_counter() - started)
        bodies = dict(self._tally.answers.keys())
        return seconds, [bodies[request] for request in range(len(self._payloads))]


async def run(job: dict[str, Any]) -> dict[str, Any]:
    payloads = [payload.encode("latin-1") for payload in job["payloads"]]
    begin = time.perf_counter() + job["settle"]
    tally = Tally(begin, begin + job["seconds"])
    address = job["host"], job["port"], payloads, tally
    if job["burst"]:
        seconds, bodies = await Bursts(*address).run(job["burst"])
        return {"seconds": seconds, "answers": [body.decode("latin-1") for body in bodies]}
    cpu = asyncio.create_task(_cpu_share(tally))
    if job["rate"]:
        await OpenLoop(*address).run(job["rate"], job["seed"])
    else:
        await ClosedLoop(*address).run(job["clients"])
    return {
        "latencies": tally.latencies,
        "errors": tally.errors,
        "cpu": await cpu,
        "answers": [(request, body.decode("latin-1"), count) for (request, body), count in tally.answers.items()],
    }


async def _cpu_share(tally: Tally) -> float:
    """How much of one core this process took while the clock ran."""
    await asyncio.sleep(tally.begin - time.perf_counter())
    before = time.process_time()
    await asyncio.sleep(tally.end - time.perf_counter())
    return (time.process_time() - before) / (tally.end - tally.begin)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(run(json.load(sys.stdin)))))
