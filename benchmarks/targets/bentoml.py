"""BentoML."""

from __future__ import annotations

import json
from collections.abc import Sequence

from app.bench.expected import Answer, native_answers
from benchmarks.targets.target import SERVERS, Server, Site


def command(site: Site) -> list[str]:
    service = ["serve", "bentoml_server:Classifier", "--working-dir", str(SERVERS)]
    return [str(site.python), "-m", "bentoml", *service, "--host", "127.0.0.1", "--port", str(site.port)]


def read(body: bytes) -> Sequence[Answer]:
    return native_answers(json.loads(body))


TARGET = Server(
    "bentoml",
    command,
    packages=("bentoml", "transformers==4.57.6"),
    home="bentoml",
    body=lambda texts: {"texts": texts},
    read=read,
    environment={"BENTOML_DO_NOT_TRACK": "True"},
)
