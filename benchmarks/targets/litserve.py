"""LitServe (litserve)."""

from __future__ import annotations

from benchmarks.targets.target import Server

TARGET = Server(
    "litserve",
    lambda site: site.script("litserve_server.py"),
    packages=("litserve", "transformers==4.57.6"),
    home="litserve",
    bulk=False,
)
