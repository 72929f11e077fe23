"""AllenNLP's own predictor on an archive of its own: python -m benchmarks.servers.allennlp_loop MODEL INSTANCES ...

Runs on today's torch by models.allennlp_compat, which changes no layer and no predictor. Prints what limit_loop prints.
"""

from __future__ import annotations

import json
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

import models.allennlp_compat  # noqa: F401 - before anything of allennlp
from app.bench.bare import in_batches, latency_of, rate_of
from benchmarks.servers.loop_options import loop_parser


def predictor_of(path: Path) -> Any:
    """As `Predictor.from_path` opens it, but without the package for downloads, which is not there."""
    from allennlp.common import params  # noqa: PLC0415
    from allennlp.data import vocabulary  # noqa: PLC0415
    from allennlp.models import archival  # noqa: PLC0415
    from allennlp.predictors import TextClassifierPredictor  # noqa: PLC0415

    for module in (archival, params):
        module.cached_path = lambda name, **_: name
    vocabulary.FileLock = lambda *_, **__: nullcontext()
    with tempfile.TemporaryDirectory() as folder, tarfile.open(path) as tar:
        tar.extractall(folder, filter="data")
        archive = archival.load_archive(folder)
    return TextClassifierPredictor(archive.model, archive.validation_dataset_reader)


def main() -> None:
    options = loop_parser(__doc__).parse_args()
    torch.set_num_threads(options.threads)
    texts = [{"sentence": json.loads(line)} for line in options.instances.read_text().splitlines()]
    predictor = predictor_of(options.model)

    def predict_batch(some: Sequence[Any]) -> Any:
        return predictor.predict_batch_json(list(some))

    def predict_alone(some: Sequence[Any]) -> Any:
        return predictor.predict_json(some[0])

    answers = [answer for some in in_batches(texts) for answer in predict_batch(some)]
    milliseconds = latency_of(predict_alone, texts, options.seconds)
    by_length = sorted(texts, key=lambda text: len(text["sentence"].split()))
    found = {
        "rows": {
            "by length, featurizing": {"rate": rate_of(predict_batch, in_batches(by_length), options.seconds)},
            "as they come, featurizing": {"rate": rate_of(predict_batch, in_batches(texts), options.seconds)},
            "one by one, featurizing": {"rate": 1000 / milliseconds, "p50": milliseconds},
        },
        "answers": [(answer["label"], max(answer["probs"])) for answer in answers],
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
