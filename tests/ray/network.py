"""Hosts on one machine: network namespaces with an address each, on a bridge that the tests are on too."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from types import TracebackType
from typing import Self


def why_not() -> str | None:
    """Why there can be no namespaces here."""
    if not shutil.which("ip"):
        return "the command ip (iproute2) is not here"
    trial = f"vitrine-trial-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", trial], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespace can be made here: {made.stderr.strip()}"
    _ip("netns", "delete", trial)
    return None


class Network:
    """Up to 250 hosts. All of it is gone after the block, with every process that is left in a host."""

    def __init__(self) -> None:
        self._tag = os.getpid() % 100_000
        self._prefix = f"10.77.{self._tag % 250}"
        self._bridge = f"vit{self._tag}"
        self._hosts: list[str] = []

    def __enter__(self) -> Self:
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("address", "add", f"{self._prefix}.1/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self._hosts:
            kill_all(host)
            _ip("netns", "delete", host)
        _ip("link", "delete", self._bridge)

    def add_host(self) -> tuple[str, str]:
        """The namespace's name and its address."""
        number = len(self._hosts) + 2
        host, outside, inside = (f"vit{self._tag}{kind}{number}" for kind in ("h", "o", "i"))
        _ip("netns", "add", host)
        self._hosts.append(host)
        _ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", host)
        _ip("link", "set", outside, "master", self._bridge, "up")
        address = f"{self._prefix}.{number}"
        inside_host = ("netns", "exec", host, "ip")
        _ip(*inside_host, "address", "add", f"{address}/24", "dev", inside)
        _ip(*inside_host, "link", "set", inside, "up")
        _ip(*inside_host, "link", "set", "lo", "up")
        return host, address


def kill_all(host: str) -> None:
    """kill -9 of every process of a host: as when its power goes."""
    until = time.monotonic() + 10
    while (pids := _ip("netns", "pids", host).split()) and time.monotonic() < until:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.05)


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout
