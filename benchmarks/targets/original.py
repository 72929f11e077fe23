"""A biome.text archive one instance after the other, through spaCy and AllenNLP's own classes."""

from __future__ import annotations

from benchmarks.targets.target import Loop, Site


def command(site: Site) -> list[str]:
    script = [str(site.python), "-m", "benchmarks.servers.original_loop", str(site.model.path), str(site.model.texts)]
    return [*script, "--threads", str(site.threads), "--seconds", str(site.seconds)]


TARGET = Loop("original", command, families=("biome.text",))
