"""How much memory this process has and may have: what a CPU is as a device."""

from __future__ import annotations

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
