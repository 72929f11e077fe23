"""mosec: one worker process that batches, behind its Rust front."""

from __future__ import annotations

import sys
from typing import Any

from asked import MAX_BATCH, PORT, WINDOW_S
from mosec import Server, Worker
from text_classifier import TextClassifier


class Classifier(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.classifier = TextClassifier()

    def forward(self, data: list[dict[str, Any]]) -> list[dict[str, object]]:
        texts = [text for request in data for text in request["instances"]]
        return [{"predictions": [answer]} for answer in self.classifier.predict(texts)]


if __name__ == "__main__":
    sys.argv += ["--address", "127.0.0.1", "--port", str(PORT)]
    server = Server()
    server.append_worker(Classifier, num=1, max_batch_size=MAX_BATCH, max_wait_time=int(1000 * WINDOW_S))
    server.run()
