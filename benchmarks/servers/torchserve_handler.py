"""What TorchServe's worker runs: as many requests as it has batched, a text in each."""

from __future__ import annotations

from typing import Any

from text_classifier import TextClassifier


class Handler:
    initialized = False

    def initialize(self, context: Any) -> None:
        self.classifier = TextClassifier()
        self.initialized = True

    def handle(self, requests: list[dict[str, Any]], context: Any) -> list[dict[str, object]]:
        texts = [text for request in requests for text in request["body"]["instances"]]
        return [{"predictions": [answer]} for answer in self.classifier.predict(texts)]
