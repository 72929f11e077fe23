"""What speed must not be lost, as shares of the bare model in the same run: about half of what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from app.bench.bare import BareModel
from app.bench.comparison import BARE, Comparison
from app.bench.serving import predict_path, serving
from app.cpus import available_cpus
from benchmarks.models import MODELS, make
from models.loading import load_classifier

pytestmark = pytest.mark.clock


@pytest.fixture(autouse=True)
def every_core() -> Iterator[None]:
    """For the bare model; the tests after this one have the threads of before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(available_cpus())
    yield
    torch.set_num_threads(threads)


CLIENTS, BULK, SECONDS, ROUNDS = 32, 64, 0.6, 2


@pytest.mark.parametrize(
    ("name", "one_text", "many_texts"),
    [
        ("tiny", 0.1, 0.25),  # measured: 0.18 and 0.45
        ("lstm", 0.25, 0.5),  # measured: 0.47 and 0.96
    ],
)
def test_a_server_keeps_its_share_of_the_bare_model(
    name: str, one_text: float, many_texts: float, tmp_path: Path
) -> None:
    made = make(MODELS[name], tmp_path)
    bare = BareModel(load_classifier(made.path))
    with serving(made.path) as server:
        path = predict_path(made.path)
        compared = Comparison(bare, made.expected, made.instances, server.url, path, SECONDS)
        for seed in range(ROUNDS):
            compared.closed_round(seed, [CLIENTS], BULK)
    rates = {row.name: row.rate for row in compared.rows()}
    assert compared.problem() is None
    assert rates[f"{CLIENTS} clients, 1 text"] >= one_text * rates[BARE]
    assert rates[f"4 clients, {BULK} texts"] >= many_texts * rates[BARE]
