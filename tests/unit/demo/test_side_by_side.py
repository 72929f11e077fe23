"""Demo models that are trained in processes of their own are those that one process would have trained."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.demo import side_by_side
from app.demo.recipes import RECIPES
from app.demo.side_by_side import train_all
from models.loading import load_classifier

QUICK = [replace(recipe, epochs=1) for recipe in RECIPES if recipe.name in {"similar-prices", "better-record"}]


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "available_cpus", lambda: 2)


def test_in_order_with_all_of_their_progress(tmp_path: Path) -> None:
    heard = Counter[str]()
    results = []
    for result, archive in train_all(QUICK, 1, lambda name, epochs: heard.update({name: epochs})):
        (tmp_path / f"{result.name}.tar.gz").write_bytes(archive)
        results.append(result.name)
    assert results == [recipe.name for recipe in QUICK]
    assert heard == pytest.approx(dict.fromkeys(results, 1.0))
    first = load_classifier(tmp_path / f"{results[0]}.tar.gz").model.state_dict()
    known = side_by_side.train(QUICK[0], seed=1).classifier.model.state_dict()
    assert all(torch.equal(first[name], known[name]) for name in known)


def test_what_one_raises_ends_all() -> None:
    with pytest.raises(FileNotFoundError):
        list(train_all([replace(QUICK[0], dataset="no_such_data"), QUICK[1]], 1, lambda name, epochs: None))


def lives(pid: int) -> bool:
    """Whether there is such a process, other than one that nobody has asked for its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


@pytest.mark.parametrize(
    "killed_by",
    [signal.SIGKILL, *(pytest.param(one, marks=pytest.mark.long) for one in (signal.SIGTERM, signal.SIGINT))],
)
def test_no_worker_outlives_the_command(killed_by: signal.Signals, tmp_path: Path) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core trains without workers")
    command = [sys.executable, "-m", "app.cli", "demo", "--store", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 60
    while len(workers := children(process.pid)) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    assert len(workers) >= 2
    time.sleep(2)
    process.send_signal(killed_by)
    process.wait(20)
    until = time.monotonic() + 30  # a worker that is still importing looks for its parent when it has
    while any(map(lives, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(lives, workers))
    assert not list(tmp_path.iterdir())
