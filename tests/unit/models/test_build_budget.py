"""What building may make, beside the archives of tests/fault that ask for more."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest
from torch import nn

from models.archive import Archive, open_archive
from models.build_budget import COPIES, SPARE_PARTS, BuildBudget
from models.errors import UnsafeArchive
from tests.unit.models.archives import members, packed


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return open_archive(packed(tmp_path / "small.tar.gz", members()))


def test_modules_in_others_are_counted_and_no_other_threads(archive: Archive) -> None:
    most = COPIES * len(archive.weights) + SPARE_PARTS
    shared = nn.Tanh()
    with BuildBudget(archive):
        nn.ModuleList([shared] * most)
    with BuildBudget(archive):
        elsewhere = Thread(target=nn.ModuleList, args=([shared] * (most + 1),))
        elsewhere.start()
        elsewhere.join()
        nn.ModuleList([shared] * most)
    with pytest.raises(UnsafeArchive, match="larger than the weights"), BuildBudget(archive):
        nn.ModuleList([shared] * (most + 1))
    nn.ModuleList([shared] * (most + 1))
