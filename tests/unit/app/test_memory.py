import mmap
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
    taken = mmap.mmap(-1, 64 << 20)  # past the allocator, which keeps what others freed
    for page in range(0, len(taken), mmap.PAGESIZE):
        taken[page] = 1
    assert host_memory()["allocated"] - before == pytest.approx(len(taken), rel=0.1)


BATCHES = """
import resource, sys, threading, torch
from app.memory import keep_freed_memory

def pages_cleared():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "kept":
    keep_freed_memory()

def batches():
    for batch in range(24):
        if batch == 4:
            before = pages_cleared()
        tensors = [torch.ones(2 << 20, dtype=torch.uint8) for _ in range(10)]
        del tensors
    print(pages_cleared() - before)

lane = threading.Thread(target=batches)
lane.start()
lane.join()
"""


def batches(freed: str) -> int:
    """Pages that the kernel cleared for twenty batches of 20 MiB."""
    ran = subprocess.run([sys.executable, "-c", BATCHES, freed], check=True, capture_output=True, text=True)
    return int(ran.stdout)


def test_batches_use_the_memory_of_those_before() -> None:
    assert batches("kept") < 0.05 * batches("handed back")
