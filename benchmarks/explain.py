"""Explanations by the service against captum one by one and AllenNLP's interpreter; what predictions pay for it."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any

import captum.attr
import torch
import typer
from rich.console import Console
from rich.markdown import Markdown
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification

from app.bench.comparison import read
from app.bench.expected import expected_of
from app.bench.load import CLIENT, Load, Outcome, Request, Timing, bursts, client_job, measure, requests_of
from app.bench.serving import predict_path, serving
from app.cpus import available_cpus
from app.slice_gate import LULL_S
from models.classifier import Batch, Classifier, Features, probabilities
from models.explainable import Explainable, rows
from models.explanations import explainable
from models.original_slopes import original_slopes

BURSTS = 3
"""Each round, one after the other: a client that has only just started leaves the server's caches cold."""
TOLERANCE = 5e-4
"""How far an attribution of the service may be from captum's: where two words match almost equally well, the vectors
that a curve gives may put one step of the path on the other side of that."""


def main(
    archive: Annotated[Path, typer.Argument(help="The classifier.")],
    texts: Annotated[Path, typer.Argument(help="JSON lines of instances.")],
    requests: Annotated[int, typer.Option(help="Concurrent explain requests, one instance each.")] = 16,
    steps: Annotated[int, typer.Option(help="Steps of each explanation.")] = 50,
    predictors: Annotated[int, typer.Option(help="Clients that predict meanwhile, one instance a request.")] = 8,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.")] = 5,
    seconds: Annotated[float, typer.Option(help="Seconds a round of predicting.")] = 4.0,
    threads: Annotated[int, typer.Option(help="Threads of torch on all sides.")] = 0,
) -> None:
    """Prints a Markdown table: seconds for all explanations, ratios, and the latency of predictions."""
    torch.set_num_threads(threads or available_cpus())
    instances = list(islice(cycle(json.loads(line) for line in texts.read_text().splitlines() if line.strip()), 256))
    yardstick = yardstick_of(archive, steps)
    sides: dict[str, Callable[[Sequence[Any]], None]] = {"captum, one by one": yardstick.explain}
    if interpreter := allennlp_interpreter(archive):
        sides["AllenNLP's interpreter (10 steps), one by one"] = interpreter
    times: dict[str, list[float]] = {name: [] for name in (*sides, SERVICE)}
    latencies: dict[str, list[Outcome]] = {"alone": [], "beside explanations": []}
    path = predict_path(archive).removesuffix(":predict")
    expected = expected_of(yardstick.classifier, [yardstick.classifier.featurize(one) for one in instances])
    with serving(archive, ["--threads", str(threads)]) as server:

        def predict() -> Outcome:
            asked = requests_of(f"{path}:predict", instances, 1, lambda some: {"instances": some})
            return checked(measure(server.url, asked, Load(predictors), Timing(seconds=seconds), expected, read))

        yardstick.check(instances[:requests], explained(server.url, path, instances[:requests], requests, steps)[1])
        for number in range(rounds):
            chosen = [instances[(number * requests + index) % len(instances)] for index in range(requests)]
            for name, explain in sides.items():
                started = time.perf_counter()
                explain(chosen)
                times[name].append(time.perf_counter() - started)
            time.sleep(LULL_S + 0.2)  # until no prediction of the round before counts
            times[SERVICE] += explained(server.url, path, chosen * BURSTS, requests, steps)[0]
            latencies["alone"].append(predict())
            with explaining(server.url, path, instances[:64], requests, steps):
                latencies["beside explanations"].append(predict())
    Console().print(Markdown(table(times, latencies, predictors)))


SERVICE = "vitrine, all at once"


def checked(outcome: Outcome) -> Outcome:
    """Ends the run where a prediction is not the offline model's."""
    if outcome.errors or outcome.verdict.other_labels:
        raise SystemExit(f"predictions failed or differ from offline: {dict(outcome.errors)}, {outcome.verdict}")
    return outcome


class Yardstick:
    """captum's integrated gradients over the same embeddings, an instance at a time, as TorchServe runs them."""

    def __init__(self, archive: Path, steps: int) -> None:
        from models.loading import load_classifier  # noqa: PLC0415 - as slow as all that it loads

        self.classifier: Classifier = load_classifier(archive)
        found = explainable(self.classifier)
        assert found is not None
        self.explainable: Explainable = found
        # As a model comes out of training: its layers are torch's own then, not those made for explaining.
        for module in (getattr(self.classifier, "model", None), self.classifier.label_set.head):
            if isinstance(module, nn.Module):
                module.requires_grad_(True)
        self._steps = steps

    def explain(self, instances: Sequence[Any]) -> None:
        for instance in instances:
            self.attributions(instance)

    def attributions(
        self, instance: Any, layers: Callable[[], AbstractContextManager[Any]] = original_slopes
    ) -> list[Tensor]:
        """One tensor (1, [texts,] tokens) per input; with the original's own layers unless others are named."""
        features: Features = self.classifier.featurize(instance)
        batch = self.classifier.collate([features])
        with torch.no_grad():
            embedded = tuple(self.explainable.embed(batch))
            blank = tuple(self.explainable.blank(batch, embedded, "pad"))
            target = int(self._scores(batch, embedded).argmax())

        def score(*points: Tensor) -> Tensor:
            index = torch.zeros(len(points[0]), dtype=torch.long)
            return self._scores(rows(batch, index), points)

        with layers():
            found = captum.attr.IntegratedGradients(score).attribute(
                embedded, baselines=blank, target=target, n_steps=self._steps
            )
        return [one.sum(dim=-1) for one in found]

    def _scores(self, batch: Batch, points: Sequence[Tensor]) -> Tensor:
        logits = self.classifier.label_set.head(self.explainable.encode(batch, points))
        return probabilities(logits, self.classifier.multilabel)

    def check(self, instances: Sequence[Any], answers: Sequence[dict[str, Any]]) -> None:
        """Ends the run where the service says otherwise than captum on its layers: those of the original give the slope
        to either of two that match equally well, as rounding has it."""
        for instance, answer in zip(instances, answers, strict=True):
            attributions = self.attributions(instance, nullcontext)
            wanted = sorted(value for one in attributions for value in one.flatten().tolist())
            found = sorted(part["attribution"] for part in answer["explanations"][0]["attributions"])
            nonzero = sorted((value for value in wanted if abs(value) > TOLERANCE), key=abs)
            strongest = sorted((value for value in found if abs(value) > TOLERANCE), key=abs)
            if len(nonzero) != len(strongest) or any(
                abs(one - other) > TOLERANCE for one, other in zip(sorted(nonzero), sorted(strongest), strict=True)
            ):
                raise SystemExit("the service's attributions are not captum's")


class TransformersYardstick(Yardstick):
    """The same through transformers' own model, which is what TorchServe would run."""

    def __init__(self, archive: Path, steps: int) -> None:
        super().__init__(archive, steps)
        self._model = AutoModelForSequenceClassification.from_pretrained(archive).eval()

    def _scores(self, batch: Batch, points: Sequence[Tensor]) -> Tensor:
        given = {name: tensor for name, tensor in batch.tensors.items() if name != "input_ids"}
        logits: Tensor = self._model(inputs_embeds=points[0], **given).logits
        return probabilities(logits, self.classifier.multilabel)


def yardstick_of(archive: Path, steps: int) -> Yardstick:
    is_checkpoint = (archive / "config.json").exists() and not (archive / "vocabulary").exists()
    return (TransformersYardstick if is_checkpoint else Yardstick)(archive, steps)


def allennlp_interpreter(archive: Path) -> Callable[[Sequence[Any]], None] | None:
    """AllenNLP's integrated gradients on the same archive; None where AllenNLP itself does not open it."""
    from allennlp.interpret.saliency_interpreters import IntegratedGradient  # noqa: PLC0415
    from allennlp.predictors import Predictor  # noqa: PLC0415

    try:
        predictor = Predictor.from_path(str(archive), predictor_name="text_classifier")
        interpreter = IntegratedGradient(predictor)
        interpreter.saliency_interpret_from_json({"sentence": "a short text"})
    except Exception:  # noqa: BLE001 - whatever it is, there is nothing to compare with
        return None

    def explain(instances: Sequence[Any]) -> None:
        for instance in instances:
            interpreter.saliency_interpret_from_json(instance if isinstance(instance, dict) else {"sentence": instance})

    return explain


def explain_requests(path: str, instances: Sequence[Any], steps: int) -> list[Request]:
    return requests_of(path, instances, 1, lambda some: {"instances": some, "parameters": {"n_steps": steps}})


def explained(
    url: str, path: str, instances: Sequence[Any], at_once: int, steps: int
) -> tuple[list[float], list[dict[str, Any]]]:
    """Seconds of each burst of so many, and the answers."""
    seconds, bodies = bursts(url, explain_requests(f"{path}:explain", instances, steps), at_once)
    return seconds, [json.loads(body) for body in bodies]


@contextmanager
def explaining(url: str, path: str, instances: Sequence[Any], clients: int, steps: int) -> Iterator[None]:
    """Explain requests without a pause, `clients` at a time."""
    job = client_job(url, explain_requests(f"{path}:explain", instances, steps), clients=clients, seconds=3600)
    process = subprocess.Popen(CLIENT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stdin is not None
    process.stdin.write(job)
    process.stdin.close()
    try:
        time.sleep(1)
        yield
    finally:
        process.kill()
        process.wait()


def table(times: dict[str, list[float]], latencies: dict[str, list[Outcome]], predictors: int) -> str:
    limit = statistics.median(times["captum, one by one"])
    lines = ["| explanations | seconds | times as fast as captum |", "|---|---|---|"]
    for name, measured in times.items():
        middle = statistics.median(measured)
        lines.append(f"| {name} | {middle:.3f} | {limit / middle:.2f} |")
    lines += ["", f"| predictions, {predictors} clients | per second | p50 ms | p99 ms |", "|---|---|---|---|"]
    for name, results in latencies.items():
        rate, p50, p99 = (statistics.median(getattr(one, key) for one in results) for key in ("rate", "p50", "p99"))
        lines.append(f"| {name} | {rate:.0f} | {p50:.1f} | {p99:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
