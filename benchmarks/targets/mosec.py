"""mosec."""

from __future__ import annotations

from benchmarks.targets.target import Server

TARGET = Server(
    "mosec",
    lambda site: site.script("mosec_server.py"),
    packages=("mosec", "transformers==4.57.6"),
    home="mosec",
    path=lambda model: "/inference",
    bulk=False,
)
