"""Open-loop load: requests leave when their time has come, whether or not earlier ones were answered."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    seconds: float
    at: float
    retry_after: int | None = None


class Client:
    """Just enough HTTP/1.1, over as many kept connections as it takes."""

    def __init__(self, url: str, model: str, instances: Sequence[str] = ("a",)) -> None:
        parts = urlsplit(url)
        self._place = (parts.hostname, parts.port)
        body = json.dumps({"instances": list(instances)})
        head = f"POST /v1/models/{model}:predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        self._request = f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self) -> Answer:
        started = time.monotonic()
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(*self._place)
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        await reader.readexactly(int(headers["content-length"]))
        self._idle.append((reader, writer))
        retry_after = headers.get("retry-after")
        finished = time.monotonic()
        status = int(head.split(" ", 2)[1])
        return Answer(status, finished - started, finished, int(retry_after) if retry_after else None)

    async def closed_loop(self, clients: int, seconds: float) -> list[Answer]:
        """Each client asks again when it was answered."""
        until = time.monotonic() + seconds

        async def one() -> list[Answer]:
            answers = []
            while time.monotonic() < until:
                answers.append(await self.ask())
            return answers

        return [answer for answers in await asyncio.gather(*(one() for _ in range(clients))) for answer in answers]

    async def open_loop(self, per_second: float, seconds: float) -> list[Answer]:
        """At random times (Poisson), so many a second on average."""
        rng, started = random.Random(1), time.monotonic()
        asked, due = [], 0.0
        while (due := due + rng.expovariate(per_second)) < seconds:
            await asyncio.sleep(max(0.0, started + due - time.monotonic()))
            asked.append(asyncio.create_task(self.ask()))
        return await asyncio.gather(*asked)

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


def of_status(answers: Sequence[Answer], status: int) -> list[Answer]:
    return [answer for answer in answers if answer.status == status]


def p99(answers: Sequence[Answer]) -> float:
    """Seconds."""
    return statistics.quantiles((answer.seconds for answer in answers), n=100)[98]
