"""A lean closed-loop HTTP client: prepared bytes over kept-alive connections, answers checked.

Run as a process of its own: `python -m benchmarks.client HOST PORT CLIENTS SECONDS < requests.json` prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
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
    payload: bytes
    labels: Sequence[str]


def prepared(path: str, instances: Sequence[Any], labels: Sequence[str]) -> Prepared:
    body = json.dumps({"instances": instances}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return Prepared(head.encode() + body, labels)


async def one_client(host: str, port: int, requests: Sequence[Prepared], until: float, result: Result) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    turn = 0
    while time.perf_counter() < until:
        request = requests[turn % len(requests)]
        turn += 1
        started = time.perf_counter()
        writer.write(request.payload)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        result.latencies.append(time.perf_counter() - started)
        result.requests += 1
        result.instances += len(request.labels)
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


if __name__ == "__main__":
    host, port, clients, seconds = sys.argv[1:]
    given = [prepared(one["path"], one["instances"], one["labels"]) for one in json.load(sys.stdin)]
    sys.stdout.write(json.dumps(asyncio.run(load(host, int(port), int(clients), float(seconds), given))))
