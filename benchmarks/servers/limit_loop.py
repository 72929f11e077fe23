"""The bare model: python -m benchmarks.servers.limit_loop MODEL INSTANCES --layers own|transformers.

Prints JSON: the rates of batches of 32 in order of length and as they come, with featurizing counted and not, and of
one instance after the other; and the label and score of each instance, from batches in order of length.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

# The limit waits as torch does by itself, not as the service has it (app/__init__.py): libgomp's own default.
os.environ["GOMP_SPINCOUNT"] = "300000"

import torch
from torch import Tensor

from app.bench.bare import BareModel, in_batches, latency_of, rate_of
from benchmarks.servers.loop_options import loop_parser
from models.classifier import probabilities
from models.loading import load_classifier


class Bare(Protocol):
    """`length` orders features; `forward` gives (batch, num_labels)."""

    labels: Sequence[str]

    def featurize(self, instances: Sequence[Any]) -> Sequence[Any]: ...
    def length(self, features: Any) -> Any: ...
    def forward(self, features: Sequence[Any]) -> Tensor: ...


class OwnLayers(BareModel):
    def __init__(self, path: Path) -> None:
        classifier = load_classifier(path)
        super().__init__(classifier)
        self.labels = classifier.label_set.labels

    def length(self, features: Any) -> Any:
        return features.shape


class TransformersLayers:
    """The checkpoint as transformers itself runs it."""

    def __init__(self, path: Path) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415

        self._tokenizer = AutoTokenizer.from_pretrained(path)
        self._model = AutoModelForSequenceClassification.from_pretrained(path).eval()
        self.labels = list(self._model.config.id2label.values())

    def featurize(self, instances: Sequence[Any]) -> Sequence[Any]:
        return list(self._tokenizer(list(instances), truncation=True).input_ids)

    def length(self, features: Any) -> Any:
        return len(features)

    @torch.inference_mode()
    def forward(self, features: Sequence[Any]) -> Tensor:
        encoded = self._tokenizer.pad({"input_ids": list(features)}, return_tensors="pt")
        logits: Tensor = self._model(**encoded).logits
        return logits


LAYERS: dict[str, Callable[[Path], Bare]] = {"own": OwnLayers, "transformers": TransformersLayers}


def measured(bare: Bare, instances: Sequence[Any], seconds: float) -> dict[str, Any]:
    features = bare.featurize(instances)
    by_length = sorted(range(len(features)), key=lambda index: bare.length(features[index]))
    ordered = in_batches([features[index] for index in by_length])
    answers = answers_of(bare, ordered)

    def predict(some: Sequence[Any]) -> Tensor:
        return bare.forward(bare.featurize(some))

    def rate(run: Any, batches: Sequence[Sequence[Any]]) -> dict[str, float]:
        return {"rate": rate_of(run, batches, seconds)}

    def alone(run: Any, some: Sequence[Any]) -> dict[str, float]:
        milliseconds = latency_of(run, some, seconds)
        return {"rate": 1000 / milliseconds, "p50": milliseconds}

    return {
        "rows": {
            "by length": rate(bare.forward, ordered),
            "by length, featurizing": rate(predict, in_batches([instances[index] for index in by_length])),
            "as they come": rate(bare.forward, in_batches(features)),
            "one by one": alone(bare.forward, features),
            "one by one, featurizing": alone(predict, instances),
        },
        "answers": [answer for _, answer in sorted(zip(by_length, answers, strict=True))],
    }


def answers_of(bare: Bare, batches: Sequence[Sequence[Any]]) -> list[tuple[str, float]]:
    answers = []
    for batch in batches:
        scores, best = probabilities(bare.forward(batch).double(), multilabel=False).max(dim=-1)  # (batch,) each
        answers += [(bare.labels[index], score) for index, score in zip(best.tolist(), scores.tolist(), strict=True)]
    return answers


def main() -> None:
    parser = loop_parser(__doc__)
    parser.add_argument("--layers", choices=LAYERS, default="own")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    instances = [json.loads(line) for line in options.instances.read_text().splitlines()]
    json.dump(measured(LAYERS[options.layers](options.model), instances, options.seconds), sys.stdout)


if __name__ == "__main__":
    main()
