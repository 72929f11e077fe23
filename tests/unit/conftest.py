from collections.abc import Iterator

import pytest
import structlog
import torch


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def as_in_a_new_process() -> Iterator[None]:
    """Whatever ran before: one thread, as its number decides how sums are rounded, and logs go nowhere else."""
    torch.set_num_threads(1)
    yield
    structlog.reset_defaults()
