"""The client's own limit: a server that answers at once, always the same. Its answers are not checked."""

from __future__ import annotations

from benchmarks.targets.target import EVERYTHING, Server

TARGET = Server(
    "echo",
    lambda site: site.script("echo_server.py"),
    families=EVERYTHING,
    bulk=False,
    checked=False,
)
