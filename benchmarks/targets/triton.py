"""Triton's Python backend (nvidia-pytriton), asked by the Open Inference Protocol."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from app.bench.expected import Answer
from benchmarks.targets.target import Server


def body(texts: list[Any]) -> Any:
    return {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [len(texts), 1], "data": texts}]}


def read(answer: bytes) -> Sequence[Answer]:
    outputs = {output["name"]: output["data"] for output in json.loads(answer)["outputs"]}
    return [Answer(label, score) for label, score in zip(outputs["label"], outputs["score"], strict=True)]


TARGET = Server(
    "triton",
    lambda site: site.script("triton_server.py"),
    packages=("nvidia-pytriton", "transformers==4.57.6"),
    home="triton",
    path=lambda model: "/v2/models/classifier/infer",
    body=body,
    read=read,
    bulk=False,
)
