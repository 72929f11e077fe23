"""How much memory this process has and may have: what a CPU is as a device; and what becomes of it once it is free."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


class Beside(NamedTuple):
    """A process whose memory counts with this one's, but for the bytes that it had from the one it is a fork of."""

    pid: int
    inherited: int


def host_memory(limit_file: Path = CGROUP_LIMIT, beside: Iterable[Beside] = ()) -> dict[str, int]:
    """Bytes by use: `allocated` is resident, with what the processes `beside` do not share; `total` the machine's, or
    less where a container's limit (cgroup v2) allows less. Empty where the system does not tell."""
    try:
        resident, _ = _resident("self")
        resident += sum(max(0, own_memory(one.pid) - one.inherited) for one in beside)
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return {"allocated": resident, "total": min(machine, _limit(limit_file))}
    except (OSError, ValueError):
        return {}


def own_memory(pid: int | str = "self") -> int:
    """Resident bytes that are no file's; a fork has them in common with what it is a fork of, until either writes."""
    resident, shared = _resident(pid)
    return resident - shared


def _resident(pid: int | str) -> tuple[int, int]:
    """Bytes, and those of them that are of files."""
    page = os.sysconf("SC_PAGE_SIZE")
    _, resident, shared, *_ = Path("/proc", str(pid), "statm").read_text().split()
    return int(resident) * page, int(shared) * page


def _limit(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no cgroup v2 here, or its limit is "max"
        return sys.maxsize


M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Of mallopt(3)."""
KEPT_BYTES, KEPT_BY_THREADS, APART_BYTES = 256 << 20, 64 << 20, 32 << 20


def keep_freed_memory() -> None:
    """Freed memory stays with the process: up to KEPT_BYTES, and some KEPT_BY_THREADS for each thread that takes some.

    glibc hands large blocks back at once. Each batch then gets its tensors from the kernel again, which clears them
    page by page (docs/performance.md). What is larger than APART_BYTES, the most that mallopt takes, comes and goes
    alone as before. Does nothing with another C library.
    """
    mallopt = _of_libc("mallopt")
    if mallopt and mallopt(M_MMAP_THRESHOLD, APART_BYTES):
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_TOP_PAD, KEPT_BY_THREADS)


def give_back_freed_memory() -> None:
    """What no model needs any more, to the system."""
    if trim := _of_libc("malloc_trim"):
        trim(0)


def _of_libc(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
