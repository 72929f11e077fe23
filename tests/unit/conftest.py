from collections.abc import Iterator

import pytest
import structlog
import torch


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def as_in_a_new_process() -> Iterator[None]:
    """Whatever ran before: one thread, by which numbers are the same to the last bit, and logs go where they went."""
    torch.set_num_threads(1)
    yield
    structlog.reset_defaults()
