"""Opens archives, each in a process of its own that is watched. Reads JSON on stdin, writes a JSON report a line.

A report: what was refused and why, seconds, growth of resident memory in bytes at its peak, and `deeds`: files written
outside the scratch folder, files read that are no business of an archive, processes and connections.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from models.errors import ArchiveError
from models.loading import load_classifier
from tests.fault.archives import LIMITS

SECRET = "/etc/passwd"
CPU_SECONDS = 60
PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.spawn")
NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.bind", "urllib.Request")
CHANGES = ("os.remove", "os.rename", "os.link", "os.symlink", "os.mkdir", "os.chmod", "shutil.rmtree")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def memory(name: str) -> int:
    """VmRSS or VmHWM (its peak), in bytes."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:")) * 1024


def watch(scratch: Path, deeds: list[str]) -> None:
    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _mode, flags = args
            if str(path) == SECRET or (flags & WRITING and outside(path)):
                deeds.append(f"open {path}")
        elif event in PROCESSES or event in NETWORK:
            deeds.append(f"{event} {args[:1]}")
        elif event in CHANGES and outside(args[0]):
            deeds.append(f"{event} {args[0]}")

    def outside(path: Any) -> bool:
        """Names alone are relative to a folder that is open: what cleaning up uses."""
        return isinstance(path, str) and os.sep in path and not Path(path).resolve().is_relative_to(scratch)

    sys.addaudithook(hook)


def open_one(path: Path) -> dict[str, Any]:
    deeds: list[str] = []
    scratch = Path(tempfile.gettempdir()).resolve()
    Path("/proc/self/clear_refs").write_text("5")
    before, started = memory("VmRSS"), time.monotonic()
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    watch(scratch, deeds)
    refused, reason = None, None
    try:
        load_classifier(path, limits=LIMITS)
    except ArchiveError as error:
        refused, reason = type(error).__name__, str(error)
    except BaseException as error:  # noqa: BLE001 - told in the report
        refused, reason = "unforeseen", repr(error)[:500]
    seconds, growth = time.monotonic() - started, memory("VmHWM") - before
    return {"refused": refused, "reason": reason, "seconds": seconds, "growth": growth, "deeds": deeds}


def in_a_child(path: Path) -> dict[str, Any]:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        with os.fdopen(writer, "w") as pipe:
            json.dump(open_one(path), pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(said) if said else {"refused": "killed", "reason": f"wait status {status}", "deeds": []}


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, path in json.load(sys.stdin).items():
        print(json.dumps({"name": name, **in_a_child(Path(path))}), flush=True)
