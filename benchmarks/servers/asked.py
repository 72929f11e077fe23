"""What every server here is told, in its environment. OMP_NUM_THREADS is set there too."""

from __future__ import annotations

import os

MODEL = os.environ["BENCH_MODEL"]
PORT = int(os.environ["BENCH_PORT"])
THREADS = int(os.environ["BENCH_THREADS"])
MAX_BATCH = 32
WINDOW_S = 0.005
"""How long a batch waits for company: a few milliseconds, as the batching servers' own guides set."""
