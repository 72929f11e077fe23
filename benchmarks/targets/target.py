"""What is measured: servers that are asked over HTTP, and loops that run a model in a process of their own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.bench.expected import Answer, native_answers
from benchmarks.models import Made

SERVERS = Path(__file__).parents[1] / "servers"
"""Peers' servers: plain scripts that know nothing of Vitrine and run in the peer's own environment."""
CHECKPOINTS = ("checkpoint",)
EVERYTHING = ("checkpoint", "biome.text", "allennlp")


@dataclass(frozen=True)
class Site:
    """Where a target runs: interpreter, model, threads of torch; a free port for a server, seconds for a loop."""

    python: Path
    model: Made
    threads: int
    port: int = 0
    seconds: float = 3.0

    def script(self, name: str, *options: str) -> list[str]:
        """The command of one of SERVERS."""
        return [str(self.python), str(SERVERS / name), *options]

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """What its process finds: threads for every numerical library, no telephone line to a model hub."""
        return {
            **os.environ,
            "BENCH_MODEL": str(self.model.path.absolute()),
            "BENCH_PORT": str(self.port),
            "BENCH_THREADS": str(self.threads),
            "OMP_NUM_THREADS": str(self.threads),
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            **more,
        }


def _batch_body(instances: list[Any]) -> Any:
    return {"instances": instances}


def _predictions(body: bytes) -> Sequence[Answer]:
    return native_answers(json.loads(body)["predictions"])


@dataclass(frozen=True)
class Server:
    """`command` starts it; `path`, `body` and `read` say how it is asked about instances and what it answers."""

    name: str
    command: Callable[[Site], list[str]]
    packages: tuple[str, ...] = ()
    """From PyPI, into an environment named `home`; none: it runs in the project's."""
    home: str = ""
    families: tuple[str, ...] = CHECKPOINTS
    path: Callable[[Made], str] = lambda model: "/predict"
    body: Callable[[list[Any]], Any] = _batch_body
    read: Callable[[bytes], Sequence[Answer]] = _predictions
    bulk: bool = True
    """Whether a request can have many instances."""
    checked: bool = True
    """Whether its answers must be the offline model's."""
    pausable: bool = True
    """Whether its processes may be stopped while others are measured."""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Loop:
    """`command` runs a model for some seconds and prints JSON: a rate (or more) by name, and its answers."""

    name: str
    command: Callable[[Site], list[str]]
    packages: tuple[str, ...] = ()
    home: str = ""
    families: tuple[str, ...] = CHECKPOINTS
    environment: Mapping[str, str] = field(default_factory=dict)


Target = Server | Loop
