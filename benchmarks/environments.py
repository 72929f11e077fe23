"""An environment of its own for each peer, made on demand under build/peers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PEERS = Path("build/peers")
TORCH = os.environ.get("TORCH", "torch==2.13.0")
"""What pip is asked for as torch, as in the Makefile."""
INSTALL_TIMEOUT_S = 1200


class Unavailable(Exception):
    """A peer that cannot run here; the message says why."""


def python_of(name: str, packages: Sequence[str]) -> Path:
    """The interpreter that has `packages`: the project's own where there are none. Raises Unavailable."""
    if not packages:
        return Path(sys.executable)
    folder = PEERS / name
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join([TORCH, *packages])
    if not installed.exists() or installed.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", TORCH, *packages])
        installed.write_text(wanted)
    return python.absolute()


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"not installed within {INSTALL_TIMEOUT_S} s") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.lower().startswith("error")]
        raise Unavailable(f"not installed: {'; '.join(errors)[:300] or 'pip failed'}")
