"""What is asked of a server, and what came of it. The client runs as a process of its own (app.bench.client)."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import urlsplit

from app.bench.expected import Answer, Expected, Verdict


@dataclass(frozen=True)
class Load:
    """A closed loop of `clients`, or an open one of `rate` requests a second where that is given."""

    clients: int = 1
    rate: float | None = None
    instances: int = 1
    """Of one request."""

    @property
    def name(self) -> str:
        texts = "1 text" if self.instances == 1 else f"{self.instances} texts"
        clients = "1 client" if self.clients == 1 else f"{self.clients} clients"
        return f"open loop, {texts}" if self.rate else f"{clients}, {texts}"


@dataclass(frozen=True)
class Timing:
    """Seconds of sending before the clock runs and while it runs; `seed` makes the times of an open loop."""

    settle: float = 0.5
    seconds: float = 3.0
    seed: int = 13


@dataclass(frozen=True)
class Outcome:
    """`rate` is answered instances a second, latencies are of requests in ms, `cpu` is the client's share of a core."""

    rate: float
    p50: float
    p99: float
    errors: Mapping[str, int]
    verdict: Verdict
    cpu: float


@dataclass(frozen=True)
class Request:
    """An HTTP request as it goes over the wire, and which instances it asks about."""

    payload: bytes
    indices: range


def http_post(path: str, body: bytes) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def requests_of(path: str, instances: Sequence[Any], size: int, body: Callable[[list[Any]], Any]) -> list[Request]:
    """Requests of `size` instances each; `body` makes the JSON of one."""
    groups = [range(at, at + size) for at in range(0, len(instances) - size + 1, size)]
    return [
        Request(http_post(path, json.dumps(body([instances[index] for index in group])).encode()), group)
        for group in groups
    ]


def measure(
    url: str,
    requests: Sequence[Request],
    load: Load,
    timing: Timing,
    expected: Expected,
    read: Callable[[bytes], Sequence[Answer]],
) -> Outcome:
    """`read` gives the answers in a body. Raises ValueError for a body that is not what it should be."""
    found = client(
        url,
        requests,
        clients=load.clients,
        rate=load.rate,
        settle=timing.settle,
        seconds=timing.seconds,
        seed=timing.seed,
    )
    verdict = Verdict()
    for index, body, count in found["answers"]:
        verdict += expected.check(requests[index].indices, read(body.encode("latin-1"))).times(count)
    latencies = sorted(1000 * latency for latency in found["latencies"]) or [float("nan")]
    return Outcome(
        rate=len(found["latencies"]) * load.instances / timing.seconds,
        p50=statistics.median(latencies),
        p99=latencies[int(len(latencies) * 0.99)],
        errors=found["errors"],
        verdict=verdict,
        cpu=found["cpu"],
    )


def bursts(url: str, requests: Sequence[Request], size: int) -> tuple[list[float], list[bytes]]:
    """So many requests at once, one burst after the other over the same connections: the seconds of each from its first
    byte sent to its last answer, and the bodies of all in order."""
    found = client(url, requests, burst=size)
    return found["seconds"], [body.encode("latin-1") for body in found["answers"]]


def client(url: str, requests: Sequence[Request], **job: Any) -> Any:
    with TemporaryFile("w+", encoding="utf-8") as found:  # megabytes, of which a pipe was seen to lose the end
        subprocess.run(  # noqa: S603 - this very program
            CLIENT, input=client_job(url, requests, **job), stdout=found, text=True, check=True, timeout=600
        )
        found.seek(0)
        return json.load(found)


CLIENT = [sys.executable, "-m", "app.bench.client"]


def client_job(url: str, requests: Sequence[Request], **job: Any) -> str:
    """What the client reads."""
    address = urlsplit(url)
    payloads = [request.payload.decode("latin-1") for request in requests]
    defaults = {"burst": 0, "rate": None, "clients": 1, "seed": 13, "settle": 0.0, "seconds": 1.0}
    return json.dumps(defaults | job | {"host": address.hostname, "port": address.port or 80, "payloads": payloads})
