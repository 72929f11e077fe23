"""A lean closed-loop HTTP client: prepared bytes over kept-alive connections, answers checked.

Run as a process of its own: `python -m benchmarks.client HOST PORT CLIENTS SECONDS < requests.json` prints JSON, and so
does `python -m benchmarks.client once HOST PORT`, which sends every request at once on a connection of its own.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Result:
    """`seconds` of sending; latencies in milliseconds."""

    seconds: float
    requests: int = 0
    instances: int = 0
    wrong: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    latencies: list[float] = field(default_factory=list, repr=False)

    def close(self) -> dict[str, Any]:
        ordered = sorted(self.latencies) or [0.0]
        self.p50_ms = 1000 * statistics.median(ordered)
        self.p99_ms = 1000 * ordered[int(len(ordered) * 0.99)]
        self.latencies = []
        return asdict(self)


@dataclass(frozen=True)
class Prepared:
    """`labels` of the predictions that must come; None where the answer is not looked at."""

    payload: bytes
    size: int
    labels: Sequence[str] | None


def prepared(request: Mapping[str, Any]) -> Prepared:
    body = json.dumps({"instances": request["instances"], "parameters": request.get("parameters", {})}).encode()
    lines = (
        f"POST {request['path']} HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return Prepared(head + body, len(request["instances"]), request.get("labels"))


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Prepared) -> bytes:
    """The body of the answer."""
    writer.write(request.payload)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


async def one_client(host: str, port: int, requests: Sequence[Prepared], until: float, result: Result) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    turn = 0
    while time.perf_counter() < until:
        request = requests[turn % len(requests)]
        turn += 1
        started = time.perf_counter()
        body = await exchange(reader, writer, request)
        result.latencies.append(time.perf_counter() - started)
        result.requests += 1
        result.instances += request.size
        if request.labels is not None:
            answers = [one["label"] for one in json.loads(body).get("predictions", [])]
            result.wrong += answers != list(request.labels)
    writer.close()


async def load(host: str, port: int, clients: int, seconds: float, requests: Sequence[Prepared]) -> dict[str, Any]:
    result = Result(seconds)
    until = time.perf_counter() + seconds
    step = max(1, len(requests) // clients)
    turns = [[*requests[index * step :], *requests[: index * step]] for index in range(clients)]
    await asyncio.gather(*(one_client(host, port, turn, until, result) for turn in turns))
    return result.close()


async def once(host: str, port: int, requests: Sequence[Prepared]) -> dict[str, Any]:
    """Seconds from the first byte sent to the last answer, and the answers in order."""
    connections = [await asyncio.open_connection(host, port) for _ in requests]
    started = time.perf_counter()
    bodies = await asyncio.gather(
        *(exchange(*connection, request) for connection, request in zip(connections, requests, strict=True))
    )
    return {"seconds": time.perf_counter() - started, "answers": [json.loads(body) for body in bodies]}


if __name__ == "__main__":
    given = [prepared(one) for one in json.load(sys.stdin)]
    if sys.argv[1] == "once":
        outcome = asyncio.run(once(sys.argv[2], int(sys.argv[3]), given))
    else:
        host, port, clients, seconds = sys.argv[1:]
        outcome = asyncio.run(load(host, int(port), int(clients), float(seconds), given))
    sys.stdout.write(json.dumps(outcome))
