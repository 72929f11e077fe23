"""How much memory this process has and may have: what a CPU is as a device; and what becomes of it once it is free."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def host_memory(limit_file: Path = CGROUP_LIMIT, beside: Iterable[int] = ()) -> dict[str, int]:
    """Bytes by use: `allocated` is resident, with what the processes `beside` do not share; `total` the machine's, or
    less where a container's limit (cgroup v2) allows less. Empty where the system does not tell."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        resident, _ = _pages("self")
        for pid in beside:
            all_of_it, shared = _pages(str(pid))
            resident += all_of_it - shared
        return {"allocated": resident * page, "total": min(os.sysconf("SC_PHYS_PAGES") * page, _limit(limit_file))}
    except (OSError, ValueError):
        return {}


def _pages(pid: str) -> tuple[int, int]:
    """Resident ones, and those of them that others may have too."""
    _, resident, shared, *_ = Path("/proc", pid, "statm").read_text().split()
    return int(resident), int(shared)


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
