"""Where the time of an instance goes: python -m benchmarks.budget [MODEL ...] [--picture FILE.svg]

A server answers clients with one instance a request. Its own metrics say how much CPU time an instance took, how large
batches were and how long they queued. Then each stage runs alone on one thread, in batches of that size. What the
server took beyond the stages is HTTP, the event loop, the batcher, and threads that wait for the interpreter.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
import torch
from prometheus_client.parser import text_string_to_metric_families
from torch import Tensor

from app.answers import AnswerOptions, Row, prediction
from app.bench.comparison import read
from app.bench.load import Load, Timing, measure, requests_of
from app.bench.serving import predict_path, serving
from app.schemas import parse_predict
from app.wire import parse_json
from benchmarks.models import MODELS, Made, make
from benchmarks.report import COLOURS, row_of
from benchmarks.run import RESULTS
from models.classifier import Classifier, Features, probabilities
from models.loading import load_classifier

STAGES = ("parse", "featurize", "collate", "encode", "head", "respond")
REST = "HTTP, loop, batcher"
CPU_SECONDS = ("process_cpu_seconds_total", "vitrine_device_process_cpu_seconds_total")


@dataclass(frozen=True)
class Served:
    """What the metrics say of a run: CPU time in microseconds an instance, wait in the queue in ms."""

    rate: float
    cpu: float
    batch: float
    padding: float
    queued: float


@dataclass(frozen=True)
class Budget:
    """Microseconds an instance."""

    model: str
    served: Served
    stages: dict[str, float]

    @property
    def parts(self) -> dict[str, float]:
        return {**self.stages, REST: max(0.0, self.served.cpu - sum(self.stages.values()))}


def budget(made: Made, clients: int, seconds: float, threads: int, stage_seconds: float = 1.0) -> Budget:
    with serving(made.path, ["--threads", str(threads)]) as server:
        requests = requests_of(predict_path(made.path), made.instances, 1, body)
        measure(server.url, requests, Load(clients), Timing(seconds=1), made.expected, read)
        before, started = samples(server.url), time.perf_counter()
        measure(server.url, requests, Load(clients), Timing(seconds=seconds), made.expected, read)
        served = served_between(before, samples(server.url), time.perf_counter() - started)
    torch.set_num_threads(1)
    classifier = load_classifier(made.path)
    batch = max(1, round(served.batch))
    return Budget(made.name, served, stages_of(classifier, made.instances, batch, stage_seconds))


def body(instances: Sequence[Any]) -> dict[str, Any]:
    return {"instances": list(instances)}


def samples(url: str) -> dict[str, float]:
    """The server's metrics by name, those of the one model and of all processes; sums where there are several."""
    sums: dict[str, float] = defaultdict(float)
    with urlopen(f"{url}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
    for one in chain.from_iterable(family.samples for family in families):
        if "le" not in one.labels:
            sums[one.name] += one.value
    return sums


def served_between(before: dict[str, float], after: dict[str, float], seconds: float) -> Served:
    grown = {name: value - before.get(name, 0.0) for name, value in after.items()}
    items, batches = grown["vitrine_batch_items_sum"], grown["vitrine_batch_items_count"]
    return Served(
        rate=items / seconds,
        cpu=1e6 * sum(grown.get(name, 0.0) for name in CPU_SECONDS) / items,
        batch=items / batches,
        padding=grown["vitrine_batch_padding_ratio_sum"] / batches,
        queued=1000 * grown["vitrine_queue_duration_seconds_sum"] / batches,
    )


@torch.inference_mode()
def stages_of(classifier: Classifier, instances: Sequence[Any], size: int, seconds: float) -> dict[str, float]:
    """Microseconds an instance of each stage, in batches of `size` as instances come."""
    bodies = [orjson.dumps(body([instance])) for instance in instances]
    features = [classifier.featurize(instance) for instance in instances]
    groups = [features[at : at + size] for at in range(0, len(features), size)]
    batches = [classifier.collate(group) for group in groups]
    vectors = [classifier.encode(batch) for batch in batches]  # (batch, dim) each
    rows = [row for batch in vectors for row in rows_of(classifier, batch)]
    runs: dict[str, Callable[[], Iterator[object]]] = {
        "parse": lambda: (parse_predict(parse_json(one)) for one in bodies),
        "featurize": lambda: (classifier.featurize(instance) for instance in instances),
        "collate": lambda: (classifier.collate(group) for group in groups),
        "encode": lambda: (classifier.encode(batch) for batch in batches),
        "head": lambda: (rows_of(classifier, batch) for batch in vectors),
        "respond": lambda: (respond(classifier, one, row) for one, row in zip(features, rows, strict=True)),
    }
    return {name: microseconds(runs[name], len(instances), seconds) for name in STAGES}


def rows_of(classifier: Classifier, vectors: Tensor) -> list[Row]:
    logits = classifier.label_set.head(vectors).float()  # (batch, num_labels)
    scores = probabilities(logits.double(), classifier.multilabel)
    return [Row(*row) for row in zip(scores.tolist(), logits.tolist(), strict=True)]


def respond(classifier: Classifier, features: Features, row: Row) -> bytes:
    return orjson.dumps({"predictions": [prediction(classifier, classifier.label_set, features, row, AnswerOptions())]})


def microseconds(run: Callable[[], Iterator[object]], instances: int, seconds: float) -> float:
    """The least of as many runs over all instances as fit in the time."""
    best, until = float("inf"), time.perf_counter() + seconds
    while True:
        started = time.perf_counter()
        for _ in run():
            pass
        best = min(best, time.perf_counter() - started)
        if time.perf_counter() > until:
            return 1e6 * best / instances


def table(budgets: Sequence[Budget]) -> str:
    heads = ["µs an instance", *STAGES, REST, "CPU in all", "instances/s", "in a batch", "padding", "queued, ms"]
    lines = [row_of(heads), row_of(["---"] * len(heads))]
    for one in budgets:
        times = [f"{value:.0f}" for value in one.parts.values()]
        served = one.served
        figures = [f"{served.cpu:.0f}", f"{served.rate:.0f}", f"{served.batch:.1f}"]
        lines.append(row_of([one.model, *times, *figures, f"{served.padding:.2f}", f"{served.queued:.1f}"]))
    return "\n".join(lines)


def draw(path: Path, budgets: Sequence[Budget]) -> None:
    """A bar for each model, its parts side by side as shares of the CPU time. Needs matplotlib."""
    import matplotlib as mpl  # noqa: PLC0415 - the `pictures` extra

    mpl.use("agg")
    mpl.rcParams.update({"svg.hashsalt": "vitrine", "font.size": 9})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(8, 0.5 * len(budgets) + 1.2), layout="constrained")
    names = [f"{one.model}\n{sum(one.parts.values()):.0f} µs" for one in budgets]
    left = [0.0] * len(budgets)
    for colour, part in zip(COLOURS, (*STAGES, REST), strict=True):
        shares = [one.parts[part] / sum(one.parts.values()) for one in budgets]
        axes.barh(names, shares, left=left, color=colour, label=part)
        left = [start + share for start, share in zip(left, shares, strict=True)]
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="share of the CPU time of an instance")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(STAGES) + 1, frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"all of {', '.join(MODELS)}")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=8.0, help="of load for one model")
    parser.add_argument("--threads", type=int, default=0, help="cores of the server; 0: all")
    parser.add_argument("--picture", type=Path, help="an .svg or .png to draw")
    options = parser.parse_args()
    budgets = []
    for name in options.models or MODELS:
        made = make(MODELS[name], RESULTS / "models")
        budgets.append(budget(made, options.clients, options.seconds, options.threads))
        print(json.dumps({"model": name, **budgets[-1].parts}), flush=True)
    print(table(budgets))
    if options.picture:
        draw(options.picture, budgets)


if __name__ == "__main__":
    main()
