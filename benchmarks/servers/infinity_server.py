"""Infinity's own command, --engine torch or optimum; for the latter the checkpoint is exported to ONNX first."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from asked import MAX_BATCH, MODEL, PORT


def onnx_folder() -> Path:
    from optimum.exporters.onnx import main_export  # noqa: PLC0415 - slow, and the torch engine needs none

    folder = Path(f"{MODEL}-onnx")
    if not (folder / "model.onnx").exists():
        main_export(MODEL, folder, task="text-classification")
    return folder


if __name__ == "__main__":
    engine = sys.argv[sys.argv.index("--engine") + 1]
    folder = onnx_folder() if engine == "optimum" else Path(MODEL)
    os.chdir(folder)  # an ONNX file is only found by a name relative to the model's folder
    model = ["--model-id", ".", "--served-model-name", "classifier", "--engine", engine, "--device", "cpu"]
    batching = ["--batch-size", str(MAX_BATCH), "--no-bettertransformer", "--no-compile"]
    # Its warm-up sends texts that are longer than a BERT reads, and the ONNX engine does not cut them.
    batching.append("--no-model-warmup")
    address = ["--host", "127.0.0.1", "--port", str(PORT), "--log-level", "warning"]
    command = Path(sys.executable).with_name("infinity_emb")
    os.execv(command, [str(command), "v2", *model, *batching, *address])
