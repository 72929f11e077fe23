"""AllenNLP's `predict_batch_json` in batches of 32 and its `predict_json`: what its own server and command call."""

from __future__ import annotations

from benchmarks.targets.target import Loop, Site


def command(site: Site) -> list[str]:
    script = [str(site.python), "-m", "benchmarks.servers.allennlp_loop", str(site.model.path), str(site.model.texts)]
    return [*script, "--threads", str(site.threads), "--seconds", str(site.seconds)]


TARGET = Loop("allennlp-predictor", command, families=("allennlp",))
