"""A server in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.service.forked import MAIN, Forked

ROOT = Path(__file__).parents[2]


@dataclass
class ServerProcess:
    process: subprocess.Popen[str] | Forked
    lines: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self._wait_for("listening")["url"]

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.lines.append({"event": "not JSON", "line": line})

    def _wait_for(self, event: str, seconds: float = 120) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for line in list(self.lines):
                if line.get("event") == event:
                    return line
            assert self.process.poll() is None, self.lines
            time.sleep(0.02)
        raise AssertionError((event, self.lines))

    def has_logged(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 5) -> bool:
        """Whether such a line is there, or comes: a thread reads them a little after they were written."""
        until = time.monotonic() + seconds
        while not any(map(wanted, list(self.lines))) and time.monotonic() < until:
            time.sleep(0.02)
        return any(map(wanted, list(self.lines)))

    def wait_loaded(self) -> None:
        self._wait_for("loaded")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def exit_status(self, seconds: float = 20) -> int:
        status = self.process.wait(seconds)
        self._reader.join(5)
        return status

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20, **options)


TINY = ("-m", MAIN)
VITRINE = ("-m", "app.cli", "serve")


@contextmanager
def running(
    store: Path, *, loaded: bool = True, command: Sequence[str] = TINY, **settings: Any
) -> Iterator[ServerProcess]:
    """A server of what is in `store` (tiny classifiers, unless `command` is VITRINE), once it is loaded.

    It ends with the block.
    """
    given = {"store": store, "port": 0, "drain_delay_s": 0, "log_level": "info"} | settings
    process = _started(command, os.environ | {f"VITRINE_{name.upper()}": str(value) for name, value in given.items()})
    try:
        server = ServerProcess(process)
        if loaded:
            server.wait_loaded()
        yield server
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            server._reader.join(5)
            process.stdout.close()


def _started(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str] | Forked:
    if command == TINY:
        return Forked(environment)
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
