import gc
import subprocess
import sys

import pytest

from app.service import Service
from app.settings import Settings
from tests.service.tiny import load_tiny, write_tiny

pytestmark = pytest.mark.anyio


async def test_what_is_loaded_is_out_of_the_collectors_way(tmp_path):
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    service = Service(Settings(store=tmp_path), load_tiny)
    before = gc.get_freeze_count()
    try:
        await service.start()
        assert service.not_ready is None
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
        await service.close()


def test_threads_take_one_core_and_spin_briefly():
    program = "import app, os, torch; print(torch.get_num_threads(), os.environ['GOMP_SPINCOUNT'])"
    for environment, wanted in ({}, "1 20000"), ({"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "9"}, "1 9"):
        said = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert said.stdout.strip() == wanted
