"""The limit: the bare model, by Vitrine's layers and by transformers' own."""

from __future__ import annotations

from benchmarks.targets.target import EVERYTHING, Loop, Site


def command(site: Site, layers: str) -> list[str]:
    script = [str(site.python), "-m", "benchmarks.servers.limit_loop", str(site.model.path), str(site.model.texts)]
    return [*script, "--layers", layers, "--threads", str(site.threads), "--seconds", str(site.seconds)]


OWN = Loop("limit", lambda site: command(site, "own"), families=EVERYTHING)
TRANSFORMERS = Loop("limit-transformers", lambda site: command(site, "transformers"))
