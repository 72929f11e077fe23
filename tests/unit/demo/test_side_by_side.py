"""Demo models that are trained in processes of their own are those that one process would have trained."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from app.cpus import available_cpus
from app.demo import side_by_side
from app.demo.recipes import RECIPES
from app.demo.side_by_side import train_all
from models.loading import load_classifier

QUICK = [replace(recipe, epochs=1) for recipe in RECIPES if recipe.name in {"similar-prices", "better-record"}]


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "available_cpus", lambda: 2)


def test_with_all_of_their_progress_and_the_same_weights(tmp_path: Path) -> None:
    heard = Counter[str]()
    for result, archive in train_all(QUICK, 1, lambda name, epochs: heard.update({name: epochs})):
        (tmp_path / f"{result.name}.tar.gz").write_bytes(archive)
    assert heard == pytest.approx({recipe.name: 1.0 for recipe in QUICK})
    first = load_classifier(tmp_path / f"{QUICK[0].name}.tar.gz").model.state_dict()
    known = side_by_side.train(QUICK[0], seed=1).classifier.model.state_dict()
    assert all(torch.equal(first[name], known[name]) for name in known)


def test_what_one_raises_ends_all() -> None:
    endless = replace(QUICK[1], epochs=10_000)
    started = time.monotonic()
    with pytest.raises(FileNotFoundError):
        list(train_all([endless, replace(QUICK[0], dataset="no_such_data"), endless, endless], 1, lambda *_: None))
    assert time.monotonic() - started < 60
    assert not workers()


def test_a_worker_that_is_killed_ends_all() -> None:
    def kill(name: str, epochs: float) -> None:
        workers()[0].kill()

    with pytest.raises(ChildProcessError, match="-9"):
        list(train_all([replace(one, epochs=10_000) for one in QUICK], 1, kill))


def test_there_are_no_more_workers_than_memory_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for total, workers in ((100 << 20, 1), (1 << 30, 1), (3 << 30, 2)):
        monkeypatch.setattr(side_by_side, "host_memory", lambda total=total: {"total": total})
        assert side_by_side._workers(7) == workers


def workers() -> list[BaseProcess]:
    """Without the servers of other tests, which are forked."""
    return [one for one in multiprocessing.active_children() if isinstance(one, SpawnProcess)]


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
    if available_cpus() < 2:
        pytest.skip("one core trains without workers")
    command = [sys.executable, "-m", "app.cli", "demo", "--store", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 60
    while len(workers := children(process.pid)) < 3 and time.monotonic() < until:  # one sees to what they share
        time.sleep(0.1)
    assert len(workers) == 3
    time.sleep(2)
    process.send_signal(killed_by)
    process.wait(20)
    until = time.monotonic() + 30  # a worker that is still importing looks for its parent when it has
    while any(map(lives, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(lives, workers))
    assert not list(tmp_path.iterdir())
