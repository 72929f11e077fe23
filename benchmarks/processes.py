"""A process with all that it started, as /proc shows them (Linux)."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def family(root: int) -> list[int]:
    """`root` and its descendants."""
    parents = {pid: parent for pid in _pids() if (parent := _parent(pid)) is not None}
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def peak_memory(root: int) -> float:
    """Resident MB of the whole family at most; what processes share counts for each."""
    return sum(_peak_kb(pid) for pid in family(root)) / 1024


def pause(root: int) -> None:
    _signal(root, signal.SIGSTOP)


def resume(root: int) -> None:
    _signal(root, signal.SIGCONT)


def end(root: int, patience_s: float = 10.0) -> None:
    """Asks the root to end and, after a while, makes all of its family."""
    pids = family(root)
    resume(root)
    with suppress(ProcessLookupError):
        os.kill(root, signal.SIGTERM)
    until = time.monotonic() + patience_s
    while _running(root) and time.monotonic() < until:
        time.sleep(0.1)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _signal(root: int, number: signal.Signals) -> None:
    for pid in family(root):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def _running(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] != "Z"


def _stat(pid: int) -> list[str]:
    """State, parent and so on: what follows the name in parentheses, which may hold anything."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return []


def _peak_kb(pid: int) -> int:
    with suppress(OSError):
        for line in (PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
