"""BentoML: one worker whose batches adapt to `max_latency_ms`, which also sheds load and so keeps its default."""

from __future__ import annotations

from typing import Any

import bentoml
from asked import MAX_BATCH
from text_classifier import TextClassifier


@bentoml.service(workers=1, traffic={"timeout": 120}, metrics={"enabled": False})
class Classifier:
    def __init__(self) -> None:
        self.classifier = TextClassifier()

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH)
    def predict(self, texts: list[str]) -> list[dict[str, Any]]:
        return self.classifier.predict(texts)
