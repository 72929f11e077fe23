"""Triton with its Python backend, by nvidia-pytriton: one instance with dynamic batching."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
from asked import MAX_BATCH, PORT, WINDOW_S
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig
from text_classifier import TextClassifier

classifier = TextClassifier()


@batch
def predict(text: Any) -> dict[str, Any]:
    """`text` is (batch, 1) bytes."""
    answers = classifier.predict([one.decode() for one in text[:, 0]])
    labels = np.array([[str(answer["label"]).encode()] for answer in answers], dtype=np.bytes_)  # (batch, 1)
    scores = np.array([[answer["score"]] for answer in answers], dtype=np.float32)  # (batch, 1)
    return {"label": labels, "score": scores}


if __name__ == "__main__":
    shutil.copy(Path(__file__).parent / "triton_backend" / "sitecustomize.py", sysconfig.get_path("purelib"))
    config = TritonConfig(http_port=PORT, http_address="127.0.0.1", allow_grpc=False, allow_metrics=False)
    with Triton(config=config) as triton:
        triton.bind(
            model_name="classifier",
            infer_func=predict,
            inputs=[Tensor(name="text", dtype=bytes, shape=(1,))],
            outputs=[Tensor(name="label", dtype=bytes, shape=(1,)), Tensor(name="score", dtype=np.float32, shape=(1,))],
            config=ModelConfig(
                max_batch_size=MAX_BATCH,
                batcher=DynamicBatcher(max_queue_delay_microseconds=int(1e6 * WINDOW_S)),
            ),
        )
        triton.serve()
