"""Infinity, with its torch engine and with ONNX Runtime (the `optimum` engine)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from app.bench.expected import Answer, native_answers
from benchmarks.targets.target import Server, Site

PACKAGES = ("infinity-emb[server,torch,optimum]", "transformers<4.50", "click<8.2")


def command(site: Site, engine: str) -> list[str]:
    return site.script("infinity_server.py", "--engine", engine)


def read(body: bytes) -> Sequence[Answer]:
    """Each text has all its labels, highest first."""
    return native_answers([max(labels, key=lambda one: one["score"]) for labels in json.loads(body)["data"]])


def infinity(name: str, engine: str) -> Server:
    return Server(
        name,
        lambda site: command(site, engine),
        packages=PACKAGES,
        home="infinity",
        path=lambda model: "/classify",
        body=lambda texts: {"model": "classifier", "input": texts},
        read=read,
        environment={"INFINITY_ANONYMOUS_USAGE_STATS": "0", "DO_NOT_TRACK": "1"},
    )


TORCH = infinity("infinity-torch", "torch")
ONNX = infinity("infinity-onnx", "optimum")
