"""The service against the bare model: one run, interleaved rounds, medians and ratios."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.markdown import Markdown

from app.cpus import available_cpus
from models.archive import archive_name
from models.classifier import Classifier, Features
from models.loading import load_classifier

BATCH = 32


def main(
    archive: Annotated[Path, typer.Argument(help="The classifier.")],
    texts: Annotated[Path, typer.Argument(help="JSON lines of instances.")],
    clients: Annotated[list[int], typer.Option(help="Concurrent clients, one text a request.")] = [1, 8, 32, 128],  # noqa: B006
    bulk: Annotated[int, typer.Option(help="Instances a request of the bulk row.")] = 64,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.")] = 5,
    seconds: Annotated[float, typer.Option(help="Seconds a round and row.")] = 3.0,
    threads: Annotated[int, typer.Option(help="Threads of torch on both sides.")] = 0,
) -> None:
    """Prints a Markdown table: instances per second, the ratio to the bare model, latencies."""
    torch.set_num_threads(threads or available_cpus())
    classifier = load_classifier(archive)
    instances = [json.loads(line) for line in texts.read_text().splitlines() if line.strip()]
    features = [classifier.featurize(instance) for instance in instances]
    labels = offline_labels(classifier, features)
    rows: dict[str, list[dict[str, float]]] = {}
    with serving(archive, threads) as (host, port):
        for _ in range(rounds):
            rows.setdefault("bare model", []).append(bare(classifier, instances, features, seconds, count=False))
            rows.setdefault("bare model and featurizing", []).append(
                bare(classifier, instances, features, seconds, count=True)
            )
            path = f"/v1/models/{archive_name(archive)}:predict"
            for number in clients:
                requests = [
                    {"path": path, "instances": [one], "labels": [label]}
                    for one, label in zip(instances, labels, strict=True)
                ]
                rows.setdefault(f"{number} clients, 1 text", []).append(ask(host, port, number, seconds, requests))
            requests = [
                {"path": path, "instances": instances[at : at + bulk], "labels": labels[at : at + bulk]}
                for at in range(0, len(instances), bulk)
            ]
            rows.setdefault(f"4 clients, {bulk} texts", []).append(ask(host, port, 4, seconds, requests))
    Console().print(Markdown(table(rows)))


def bare(
    classifier: Classifier, instances: Sequence[Any], features: Sequence[Features], seconds: float, *, count: bool
) -> dict[str, float]:
    """Length-sorted batches in this process; `count` featurizes in the loop."""
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        current = [classifier.featurize(instance) for instance in instances] if count else features
        for batch in batches(current):
            forward(classifier, batch)
            done += len(batch)
    return {"rate": done / (time.perf_counter() - started)}


def batches(features: Sequence[Features]) -> Iterator[Sequence[Features]]:
    ordered = sorted(features, key=lambda one: one.shape)
    for at in range(0, len(ordered), BATCH):
        yield ordered[at : at + BATCH]


@torch.inference_mode()
def forward(classifier: Classifier, batch: Sequence[Features]) -> torch.Tensor:
    logits: torch.Tensor = classifier.label_set.head(classifier.encode(classifier.collate(batch)))
    return logits


def offline_labels(classifier: Classifier, features: Sequence[Features]) -> list[str]:
    return [classifier.label_set.labels[int(forward(classifier, [one]).argmax())] for one in features]


@contextmanager
def serving(archive: Path, threads: int) -> Iterator[tuple[str, int]]:
    with tempfile.TemporaryDirectory() as store:
        (Path(store) / archive.name).symlink_to(archive.resolve())
        options = ["--port", "0", "--threads", str(threads), "--no-access-log", "--log-format", "json"]
        command = [sys.executable, "-m", "app.cli", "serve", "--store", store, *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert process.stdout is not None
            found = next(match for line in process.stdout if (match := re.search(r"http://([\d.]+):(\d+)", line)))
            next(line for line in process.stdout if '"loaded"' in line)
            yield found[1], int(found[2])
        finally:
            process.kill()
            process.wait()


def ask(host: str, port: int, clients: int, seconds: float, requests: Sequence[dict[str, Any]]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.client", host, str(port), str(clients), str(seconds)]
    done = subprocess.run(command, input=json.dumps(requests), capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    if result["wrong"]:
        raise SystemExit(f"{result['wrong']} of {result['requests']} requests were answered differently from offline")
    return {"rate": result["instances"] / result["seconds"], "p50": result["p50_ms"], "p99": result["p99_ms"]}


def table(rows: dict[str, list[dict[str, float]]]) -> str:
    limit = statistics.median(one["rate"] for one in rows["bare model"])
    lines = ["| | texts/s | of the bare model | p50 ms | p99 ms |", "|---|---|---|---|---|"]
    for name, results in rows.items():
        middle = {key: statistics.median(one[key] for one in results) for key in results[0]}
        times = [f"{middle[key]:.1f}" if key in middle else "" for key in ("p50", "p99")]
        lines.append(f"| {name} | {middle['rate']:.0f} | {middle['rate'] / limit:.2f} | {times[0]} | {times[1]} |")
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
