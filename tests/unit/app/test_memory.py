import os
from pathlib import Path

import pytest

from app.memory import host_memory


def test_a_containers_limit_counts_where_it_is_less(tmp_path: Path) -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = tmp_path / "memory.max"
    for text, total in (("1073741824\n", 1 << 30), ("max\n", machine), (f"{machine * 2}\n", machine)):
        limit.write_text(text)
        assert host_memory(limit)["total"] == total
    assert host_memory(tmp_path / "none")["total"] == machine


def test_what_is_taken_is_seen() -> None:
    before = host_memory()["allocated"]
    taken = bytearray(os.urandom(64 << 20))
    assert host_memory()["allocated"] - before == pytest.approx(len(taken), rel=0.1)
