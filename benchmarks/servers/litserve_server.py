"""LitServe: one worker that batches.

It reads the annotation of `decode_request` at run time, which must so be no string.
"""

from typing import Any

import litserve
from asked import MAX_BATCH, PORT, WINDOW_S
from text_classifier import TextClassifier


class ClassifierApi(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.classifier = TextClassifier()

    def decode_request(self, request: dict[str, Any]) -> str:
        (text,) = request["instances"]
        return text

    def batch(self, inputs: list[str]) -> list[str]:
        return list(inputs)

    def predict(self, x: list[str]) -> list[dict[str, object]]:
        return self.classifier.predict(x)

    def unbatch(self, output: list[dict[str, object]]) -> list[dict[str, object]]:
        return output

    def encode_response(self, output: dict[str, object]) -> dict[str, object]:
        return {"predictions": [output]}


if __name__ == "__main__":
    api = ClassifierApi(max_batch_size=MAX_BATCH, batch_timeout=WINDOW_S)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")
