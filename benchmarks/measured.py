"""One target while it runs: asked, paused, resumed, ended."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import IO, Any

from app.bench.expected import Answer, Expected, Verdict
from app.bench.load import Load, Timing, measure, requests_of
from benchmarks import processes
from benchmarks.environments import Unavailable
from benchmarks.targets.target import Loop, Server, Site

START_TIMEOUT_S = 120
OK = "ok"


@dataclass(frozen=True)
class Sample:
    """One row of one target in one round. Rates are instances a second, times ms, memory MB."""

    target: str
    row: str
    rate: float
    p50: float | None = None
    p99: float | None = None
    errors: Mapping[str, int] = field(default_factory=dict)
    instances: int = 0
    other_labels: int = 0
    delta: float = 0.0
    cpu: float | None = None
    """Of one core, what the client took."""
    memory: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class RunningServer:
    """Paused between measurements, so that it takes no core from another."""

    def __init__(self, server: Server, site: Site) -> None:
        self._server, self._site = server, site
        self._log: IO[str] = tempfile.NamedTemporaryFile("w+", prefix=f"{server.name}-", suffix=".log")  # noqa: SIM115
        self._process = subprocess.Popen(
            server.command(site), stdout=self._log, stderr=subprocess.STDOUT, env=site.environment(server.environment)
        )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.end()
            raise
        self.pause()

    def _wait_until_it_answers(self) -> None:
        """Raises Unavailable with the last of its log."""
        request = requests_of(self._path, self._site.model.instances, 1, self._server.body)[0]
        body = request.payload.partition(b"\r\n\r\n")[2]
        until = time.monotonic() + START_TIMEOUT_S
        answer = ""
        while time.monotonic() < until and self._process.poll() is None:
            if (answer := _attempt(self._site.port, self._path, body)) == OK:
                return
            time.sleep(0.5)
        self._log.seek(0)
        said = [line for line in self._log.read()[-2000:].splitlines() if line.strip()]
        raise Unavailable(f"does not answer ({answer}): {' | '.join(said[-3:])[-400:]}")

    @property
    def _path(self) -> str:
        return self._server.path(self._site.model)

    def measure(self, row: str, load: Load, timing: Timing) -> Sample:
        model = self._site.model
        requests = requests_of(self._path, model.instances, load.instances, self._server.body)
        expected = model.expected if self._server.checked else Unchecked([])
        self.resume()
        url = f"http://127.0.0.1:{self._site.port}"
        found = measure(url, requests, load, timing, expected, self._server.read)
        memory = processes.peak_memory(self._process.pid)
        self.pause()
        verdict = found.verdict
        return Sample(
            self._server.name,
            row,
            found.rate,
            found.p50,
            found.p99,
            found.errors,
            verdict.instances,
            verdict.other_labels,
            verdict.delta,
            found.cpu,
            memory,
        )

    def pause(self) -> None:
        if self._server.pausable:
            processes.pause(self._process.pid)

    def resume(self) -> None:
        if self._server.pausable:
            processes.resume(self._process.pid)

    def end(self) -> None:
        processes.end(self._process.pid)
        self._process.wait()
        self._log.close()


class Unchecked(Expected):
    def check(self, indices: range, answers: Sequence[Answer]) -> Verdict:
        return Verdict(len(indices))


def run_loop(loop: Loop, site: Site) -> list[Sample]:
    """A sample for each row of the loop. Raises Unavailable where it ends with an error."""
    done = subprocess.run(
        loop.command(site), capture_output=True, check=False, text=True, env=site.environment(loop.environment)
    )
    if done.returncode:
        raise Unavailable(f"ended with an error: {' | '.join(done.stderr.strip().splitlines()[-2:])[:400]}")
    found = json.loads(done.stdout)
    answers = [Answer(label, score) for label, score in found["answers"]]
    verdict = site.model.expected.check(range(len(answers)), answers)
    checked = {"instances": verdict.instances, "other_labels": verdict.other_labels, "delta": verdict.delta}
    return [Sample(loop.name, row, **figures, **checked) for row, figures in found["rows"].items()]


def _attempt(port: int, path: str, body: bytes) -> str:
    """OK, or what came instead."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return OK if answer.status == 200 else f"status {answer.status}: {answer.read(200).decode(errors='replace')}"
    except (OSError, HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
