import os
import subprocess
import sys
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


BATCHES = """
import resource, sys, torch
from app.memory import give_back_freed_memory, host_memory, keep_freed_memory

def pages_cleared():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "kept":
    keep_freed_memory()
for batch in range(24):
    if batch == 4:
        before = pages_cleared()
    tensors = [torch.ones(8 << 20, dtype=torch.uint8) for _ in range(6)]
    del tensors
print(pages_cleared() - before)
resident = host_memory()["allocated"]
give_back_freed_memory()
print((resident - host_memory()["allocated"]) >> 20)
"""


def batches(freed: str) -> tuple[int, int]:
    """Pages that the kernel cleared for twenty batches of 48 MiB, and the MiB that are given back when asked."""
    ran = subprocess.run([sys.executable, "-c", BATCHES, freed], check=True, capture_output=True, text=True)
    cleared, given_back = map(int, ran.stdout.split())
    return cleared, given_back


def test_batches_use_the_memory_of_those_before() -> None:
    cleared, given_back = batches("kept")
    assert cleared < 0.05 * batches("handed back")[0]
    assert given_back > 40
