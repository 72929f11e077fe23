"""Ray Serve."""

from __future__ import annotations

from benchmarks.targets.target import Server

TARGET = Server(
    "ray",
    lambda site: site.script("ray_server.py"),
    packages=("ray[serve]", "transformers==4.57.6"),
    home="ray",
    bulk=False,
)
