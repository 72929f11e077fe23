"""Measures targets on one model in interleaved rounds; adds the samples to build/bench/MODEL.json.

    python -m benchmarks.run minilm --targets limit vitrine fastapi --peers litserve --rounds 5
    python -m benchmarks.report

Every target is started once and stands still (SIGSTOP) while another is measured. After the closed loops comes the open
one, at 70 % of the best rate that this target reached in them. A target that cannot run is recorded with its reason.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.bench.comparison import BULK_CLIENTS, OPEN_SHARE
from app.bench.load import Load, Timing
from app.cpus import available_cpus
from benchmarks.environments import Unavailable, python_of
from benchmarks.measured import RunningServer, Sample, run_loop
from benchmarks.models import MODELS, Made, make
from benchmarks.processes import free_port
from benchmarks.targets import BUILT_IN, PEERS, TARGETS
from benchmarks.targets.target import Loop, Server, Site

RESULTS = Path("build/bench")
CLIENTS = (1, 8, 32, 128)
BULK = 64
BULK_ROW = f"{BULK_CLIENTS} x {BULK}"
OPEN = "open"
LIMITS = ("limit-transformers", "limit")
"""Which loop is the limit of a model: the first that runs it."""


@dataclass
class Results:
    """Samples of all runs so far on one model, and why some targets have none."""

    path: Path
    samples: list[dict[str, Any]] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: str) -> Results:
        path = RESULTS / f"{model}.json"
        return cls(path, **json.loads(path.read_text())) if path.exists() else cls(path)

    def add(self, sample: Sample) -> None:
        self.samples.append(sample.as_json())
        self.unavailable.pop(sample.target, None)

    def write(self) -> None:
        self.path.write_text(json.dumps({"samples": self.samples, "unavailable": self.unavailable}, indent=1))

    def best(self, target: str) -> float:
        """The highest of its median rates in closed loops of one instance a request."""
        rates: dict[str, list[float]] = {}
        for sample in self.samples:
            if sample["target"] == target and sample["row"] in map(str, CLIENTS):
                rates.setdefault(sample["row"], []).append(sample["rate"])
        return max(map(statistics.median, rates.values()))


class Run:
    """The targets that run here, on one model."""

    def __init__(self, model: Made, names: Sequence[str], threads: int, seconds: float) -> None:
        self.results = Results.of(model.name)
        self._model, self._threads, self._seconds = model, threads, seconds
        self._servers: dict[str, RunningServer] = {}
        self._loops: dict[str, tuple[Loop, Site]] = {}
        self._stack = ExitStack()
        for name in names:
            if model.family in TARGETS[name].families:
                self._attempt(name, self._start)

    def _attempt(self, name: str, act: Callable[[str], None]) -> None:
        try:
            act(name)
        except Unavailable as reason:
            self.results.unavailable[name] = str(reason)
            print(f"{name}: {reason}", flush=True)

    def _start(self, name: str) -> None:
        target = TARGETS[name]
        python = python_of(target.home, target.packages)
        if isinstance(target, Server):
            running = RunningServer(target, Site(python, self._model, self._threads, port=free_port()))
            self._stack.callback(running.end)
            self._servers[name] = running
        else:
            self._loops[name] = target, Site(python, self._model, self._threads, seconds=self._seconds)

    def closed_round(self, seed: int) -> None:
        for name in self._loops:
            self._attempt(name, self._loop)
        for name in self._servers:
            for clients in CLIENTS:
                self._ask(name, str(clients), Load(clients), seed)
            if getattr(TARGETS[name], "bulk", False):
                self._ask(name, BULK_ROW, Load(BULK_CLIENTS, instances=BULK), seed)

    def open_round(self, seed: int) -> None:
        for name in self._servers:
            self._ask(name, OPEN, Load(rate=OPEN_SHARE * self.results.best(name)), seed)

    def _loop(self, name: str) -> None:
        for sample in run_loop(*self._loops[name]):
            self._record(sample)

    def _ask(self, name: str, row: str, load: Load, seed: int) -> None:
        timing = Timing(seconds=self._seconds, seed=seed)
        self._record(self._servers[name].measure(row, load, timing))

    def _record(self, sample: Sample) -> None:
        self.results.add(sample)
        self.results.write()
        p50 = f"p50 {sample.p50:.1f} ms" if sample.p50 is not None else ""
        print(
            f"{sample.target:>20} {sample.row:<24} {sample.rate:8.0f}/s {p50} {dict(sample.errors) or ''}", flush=True
        )

    def end(self) -> None:
        self._stack.close()
        self.results.write()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", choices=MODELS, metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument(
        "--targets", nargs="+", choices=TARGETS, default=BUILT_IN, metavar="TARGET", help=" ".join(BUILT_IN)
    )
    parser.add_argument("--peers", nargs="*", choices=[*PEERS, "all"], default=[], metavar="PEER", help=" ".join(PEERS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="for one row of one target in one round")
    parser.add_argument("--threads", type=int, default=available_cpus(), help="of torch, for everyone")
    parser.add_argument("--fresh", action="store_true", help="forget the samples of earlier runs")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    RESULTS.mkdir(parents=True, exist_ok=True)
    targets = [*options.targets, *(PEERS if "all" in options.peers else options.peers)]
    for name in options.models:
        if options.fresh:
            (RESULTS / f"{name}.json").unlink(missing_ok=True)
        run = Run(make(MODELS[name], RESULTS / "models"), targets, options.threads, options.seconds)
        try:
            for number in range(options.rounds):
                run.closed_round(number)
            for number in range(options.rounds):
                run.open_round(number)
        finally:
            run.end()


if __name__ == "__main__":
    main()
