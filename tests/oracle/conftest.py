"""Each archive whose answers are known, and a server of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from models.classifier import Classifier
from tests.oracle.oracles import ORACLES, Oracle
from tests.service.process import VITRINE, ServerProcess, running


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


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("store")
    for oracle in ORACLES.values():
        (store / oracle.archive.name).symlink_to(oracle.archive.resolve())
    return store


@pytest.fixture(scope="package")
def server(store: Path) -> Iterator[ServerProcess]:
    """It takes half a minute to open them all. test_http.py asks first, then test_labels_http.py teaches it labels."""
    hub = next(iter(ORACLES.values())).hub
    with running(store, command=VITRINE, hub_dir=hub, allow_unauthenticated_admin=True) as process:
        yield process
