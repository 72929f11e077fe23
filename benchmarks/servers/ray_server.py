"""Ray Serve: one replica with `@serve.batch`."""

from __future__ import annotations

import threading
from typing import Any

import ray
from asked import MAX_BATCH, PORT, THREADS, WINDOW_S
from ray import serve
from starlette.requests import Request
from text_classifier import TextClassifier


@serve.deployment(max_ongoing_requests=1000, ray_actor_options={"num_cpus": THREADS})
class Classifier:
    def __init__(self) -> None:
        self.classifier = TextClassifier()

    @serve.batch(max_batch_size=MAX_BATCH, batch_wait_timeout_s=WINDOW_S)
    async def predict(self, texts: list[str]) -> list[dict[str, object]]:
        return self.classifier.predict(texts)

    async def __call__(self, request: Request) -> dict[str, Any]:
        (text,) = (await request.json())["instances"]
        return {"predictions": [await self.predict(text)]}


if __name__ == "__main__":
    ray.init(include_dashboard=False, num_cpus=THREADS, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    serve.run(Classifier.bind(), route_prefix="/predict")
    threading.Event().wait()
