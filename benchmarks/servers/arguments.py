"""What every server here is told."""

from __future__ import annotations

import argparse
import os


def arguments() -> argparse.Namespace:
    """Sets the threads of the numerical libraries too, and must so be called before they are imported."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    options, _ = parser.parse_known_args()
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(options.threads)
    return options
