from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oracle.oracles import CARRIED
from tests.service.process import VITRINE, ServerProcess, running


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def archives_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    store = tmp_path_factory.mktemp("store")
    for archive in sorted(CARRIED.glob("*.tar.gz")):
        (store / archive.name).symlink_to(archive)
    with running(store, command=VITRINE, hub_dir=CARRIED / "hub", access_log=False) as process:
        yield process


@pytest.fixture(scope="session")
def names(archives_server: ServerProcess) -> list[str]:
    with archives_server.client() as client:
        return [model["name"] for model in client.get("/v1/models").json()["models"] if model["ready"]]
