"""How much memory this process has and may have: what a CPU is as a device; and what becomes of it once it is free."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

RESIDENT = Path("/proc/self/statm")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def host_memory(limit_file: Path = CGROUP_LIMIT) -> dict[str, int]:
    """Bytes by use: `allocated` is resident, `total` the machine's, or less where a container's limit (cgroup v2)
    allows less. Empty where the system does not tell."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        resident = int(RESIDENT.read_text().split()[1]) * page
        return {"allocated": resident, "total": min(os.sysconf("SC_PHYS_PAGES") * page, _limit(limit_file))}
    except (OSError, ValueError):
        return {}


def _limit(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no cgroup v2 here, or its limit is "max"
        return sys.maxsize


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of mallopt(3)."""
KEPT_BYTES, APART_BYTES = 256 << 20, 64 << 20


def keep_freed_memory() -> None:
    """Freed memory stays with the process, up to KEPT_BYTES for each thread that takes some.

    glibc hands large blocks back at once. Each batch then gets its tensors from the kernel again, which clears them
    page by page: a quarter of the time of a recurrent classifier's explanations. What is larger than APART_BYTES comes
    and goes alone as before. Does nothing with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, APART_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def give_back_freed_memory() -> None:
    """What no model needs any more, to the system."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
