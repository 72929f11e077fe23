from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from models.classifier import Classifier
from tests.service.process import ServerProcess, running
from tests.service.tiny import load_tiny, write_tiny


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store")
    write_tiny(path, "mood", labels=["good", "bad", "so-so"])
    write_tiny(path, "topics", labels=["sports", "politics", "film"], multilabel=True, seed=4)
    write_tiny(path, "broken", nothing=True)
    (path / "notes.txt").write_text("not a model")
    return path


@pytest.fixture(scope="session")
def mood(store: Path) -> Classifier:
    """The offline classifier that answers must agree with."""
    return load_tiny(store / "mood.tar.gz")


@pytest.fixture(scope="session")
def server(store: Path) -> Iterator[ServerProcess]:
    with running(store, max_request_bytes=100_000, max_instance_tokens=150, max_instances_per_request=100) as process:
        yield process


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client
