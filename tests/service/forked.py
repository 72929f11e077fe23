"""Processes that have imported the service already: forked off one that did so once for all tests."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO

MAIN = "tests.service.serve_tiny"
"""A server; `vitrine` is a command."""
IMPORTED = [
    MAIN, "app.inspection", "app.offline_explain", "models.anchors", "models.explanations", "models.export",
    "models.extension_report", "models.loading",
]  # fmt: skip

SECONDS = 60
"""For a command."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(IMPORTED)


def vitrine(*arguments: Any, input: str = "") -> subprocess.CompletedProcess[str]:  # noqa: A002 - as of subprocess.run
    """`vitrine ARGUMENTS`, once it has ended."""
    with tempfile.TemporaryDirectory() as name:
        streams = [Path(name, stream) for stream in ("stdin", "stdout", "stderr")]
        for stream in streams:
            stream.write_text(input if stream.name == "stdin" else "")
        command = ["vitrine", *map(str, arguments)]
        process = _FORKS.Process(target=_run_command, args=(command, streams))
        process.start()
        try:
            status = _ended(process, SECONDS)
        finally:
            process.kill()
        return subprocess.CompletedProcess(command, status, *(stream.read_text() for stream in streams[1:]))


class Piped:
    """Runs `main(*arguments)`, a function of some module, between pipes."""

    def __init__(self, main: Callable[..., None], *arguments: Any) -> None:
        given, stdin = _FORKS.Pipe(duplex=False)
        stdout, answered = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(target=_run_piped, args=(main, arguments, given, answered))
        self._process.start()
        self.stdin: TextIO = os.fdopen(os.dup(stdin.fileno()), "w")
        self.stdout: TextIO = os.fdopen(os.dup(stdout.fileno()))
        for end in (given, stdin, stdout, answered):
            end.close()

    def result(self, timeout: float) -> str:
        """What else it writes, once it has ended well."""
        with self.stdin, self.stdout:
            written = self.stdout.read()
        assert _ended(self._process, timeout) == 0
        return written


class Forked:
    """Runs MAIN; what a test asks of a subprocess.Popen."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        reader, writer = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(target=_run_server, args=(dict(environment), writer))
        self._process.start()
        writer.close()
        self.stdout: TextIO = os.fdopen(os.dup(reader.fileno()))
        reader.close()
        assert self._process.pid
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        return _ended(self._process, timeout)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _ended(process: Any, timeout: float | None) -> int:
    process.join(timeout)
    if process.exitcode is None:
        raise subprocess.TimeoutExpired(process.name, timeout or 0)
    status: int = process.exitcode
    return status


def _run_server(environment: Mapping[str, str], output: Connection) -> None:
    from tests.service.serve_tiny import main

    os.environ.update(environment)
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    sys.exit(main())


def _run_piped(main: Callable[..., None], arguments: Sequence[Any], given: Connection, answered: Connection) -> None:
    os.dup2(given.fileno(), 0)
    os.dup2(answered.fileno(), 1)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    main(*arguments)
    sys.stdout.flush()


def _run_command(command: list[str], streams: list[Path]) -> None:
    from app.cli import main

    for number, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR), number)
    sys.stdin = os.fdopen(0)
    sys.argv = command
    main()
