"""Each archive whose answers are known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from models.classifier import Classifier
from tests.oracle.oracles import ORACLES, Oracle


@pytest.fixture(scope="module", params=ORACLES.values(), ids=ORACLES.keys())
def oracle(request: pytest.FixtureRequest) -> Oracle:
    found: Oracle = request.param
    return found


@pytest.fixture(scope="module")
def classifier(oracle: Oracle) -> Classifier:
    return oracle.load()


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Archives this small only lose by more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
