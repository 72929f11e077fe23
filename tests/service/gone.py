"""Processes that have ended."""

import time
from pathlib import Path


def has_gone(pid: int, seconds: float = 5) -> bool:
    """Within so many seconds; what nobody has waited for has."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False
