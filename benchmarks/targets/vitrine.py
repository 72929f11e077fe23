"""Vitrine itself."""

from __future__ import annotations

from app.bench.serving import predict_path
from benchmarks.targets.target import EVERYTHING, Server, Site


def command(site: Site) -> list[str]:
    options = ["--port", str(site.port), "--threads", str(site.threads), "--no-access-log", "--log-level", "error"]
    return [str(site.python), "-m", "benchmarks.servers.vitrine_server", str(site.model.path), *options]


TARGET = Server("vitrine", command, families=EVERYTHING, path=lambda model: predict_path(model.path))
