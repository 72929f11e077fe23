"""A BERT-base shape on a GPU: the service beside the bare model, both in bf16.

    .venv/bin/python -m benchmarks.gpu                 # on the first CUDA device
    .venv/bin/python -m benchmarks.gpu --precision fp32 --rounds 3

Makes the checkpoint in build/bench/models, then runs `vitrine bench` on it: 4 clients with 64 texts a request, and up
to 512 clients with one.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.bench.command import bench
from benchmarks.models import Benchmarked, checkpoint, make

BERT_BASE = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "initializer_range": 0.02,  # with wider random weights bf16 moves answers further than a server tolerates
}
CLIENTS = [1, 8, 32, 128, 512]


def main(
    device: Annotated[str, typer.Option(help="cuda or cuda:N; cpu tries the script out.")] = "cuda",
    precision: Annotated[Literal["fp32", "bf16"], typer.Option(help="Of both sides.")] = "bf16",
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.")] = 5,
    seconds: Annotated[float, typer.Option(help="Seconds for one row in one round.")] = 3.0,
    clients: Annotated[list[int], typer.Option(help="Concurrent clients, one text a request. Repeatable.")] = CLIENTS,
    folder: Annotated[Path, typer.Option(help="Where the checkpoint is made.")] = Path("build/bench/models"),
) -> None:
    """Prints the table as Markdown: texts a second, their share of the bare model, p50 and p99."""
    made = make(Benchmarked("bert-base", "checkpoint", "texts", "bert-base", partial(checkpoint, BERT_BASE)), folder)
    with made.texts.open() as texts:
        bench(made.path, texts, clients=clients, rounds=rounds, seconds=seconds, device=device, precision=precision)


if __name__ == "__main__":
    typer.run(main)
