"""Memory of a server's process."""

from __future__ import annotations

import re
from pathlib import Path

from tests.service.process import ServerProcess


def resident(server: ServerProcess, name: str = "VmRSS") -> int:
    """VmRSS or VmHWM (its peak), in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024
