"""Processes that write label versions, watch them, or die while writing."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from app.errors import ServiceError, StaleVersion
from app.label_store import LabelStore, NewVersion, VersionState

MODEL, BASE = "reviews", "0" * 64


def version(count: int) -> NewVersion:
    """Labels l0, l1, ... with rows that hold their count everywhere."""
    labels = tuple(f"l{index}" for index in range(count))
    tensors = {"weight": torch.full((count, 3), float(count)), "bias": torch.full((count,), float(count))}
    return NewVersion(labels=labels, tensors=tensors, base=BASE, idempotency_key=f"key {count}")


def race(root: Path, wanted: int) -> dict[str, Any]:
    """Publishes `wanted` versions against whoever else does, from a line on stdin on."""
    store = LabelStore(root)
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    published: list[int] = []
    stale = 0
    while len(published) < wanted:
        expected = store.active(MODEL, BASE)
        try:
            published.append(store.append(MODEL, version(expected + 1), expected))
        except StaleVersion:
            stale += 1
    return {"published": published, "stale": stale}


def follow(root: Path, until: int) -> dict[str, Any]:
    """The versions that answer, one after the other, until `until` does."""
    store = LabelStore(root)
    seen = [store.active(MODEL, BASE)]
    print("watching", flush=True)  # noqa: T201
    while seen[-1] != until:
        time.sleep(0.005)
        number = store.active(MODEL, BASE)
        if number != seen[-1]:
            seen.append(number)
    return {"seen": seen}


def unprivileged(root: Path, action: str) -> dict[str, Any]:
    """What a process may do that may not write."""
    store = LabelStore(root)
    os.setuid(65534)
    before = store.active(MODEL, BASE), list(store.read(MODEL, 2, BASE).labels), len(store.versions(MODEL, BASE))
    try:
        if action == "append":
            store.append(MODEL, version(9), 2)
        else:
            store.activate(MODEL, 1, BASE)
    except ServiceError as error:
        return {"before": before, "error": type(error).__name__, "detail": error.detail}
    return {"before": before, "error": None}


def append_first(store: LabelStore) -> int:
    return store.append(MODEL, version(2), 1)


def append_third(store: LabelStore) -> int:
    return store.append(MODEL, version(4), 3)


def roll_back(store: LabelStore) -> int:
    store.activate(MODEL, 2, BASE, 3)
    return 2


SCENES: dict[str, tuple[int, Callable[[LabelStore], int]]] = {
    "first append": (0, append_first),
    "third append": (2, append_third),
    "roll back": (2, roll_back),
}
"""How many versions there are before, and what is then done."""


def killed(root: Path) -> dict[str, Any]:
    """Every scene, killed before and after every call of the operating system that it makes."""
    outcomes = {name: _killed_everywhere(root, *scene) for name, scene in SCENES.items()}
    return {"outcomes": outcomes}


def _killed_everywhere(root: Path, versions: int, action: Callable[[LabelStore], int]) -> list[dict[str, Any]]:
    outcomes = []
    while not outcomes or outcomes[-1]["killed"]:
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for count in range(versions):
            LabelStore(root).append(MODEL, version(count + 2), count + 1)
        outcomes.append(_killed_at(len(outcomes), root, action))
    return outcomes


def _killed_at(step: int, root: Path, action: Callable[[LabelStore], int]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        store = LabelStore(root)
        _die_at(step)
        os.write(writing, b"%d" % action(store))
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        acknowledged = pipe.read()
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return {
        "killed": os.WIFSIGNALED(status),
        "acknowledged": int(acknowledged) if acknowledged else None,
        **_afterwards(root),
    }


def _die_at(step: int) -> None:
    steps = iter(range(step))

    def count(_frame: Any, event: str, function: Any) -> None:
        if event in {"c_call", "c_return"} and _is_system_call(function) and next(steps, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)


def _is_system_call(function: Any) -> bool:
    of_a_file = isinstance(getattr(function, "__self__", None), io.IOBase)
    return of_a_file or getattr(function, "__module__", None) in {"posix", "fcntl", "_io"}


def _afterwards(root: Path) -> dict[str, Any]:
    """What the next process finds, and whether it can go on."""
    store = LabelStore(root)
    active = store.active(MODEL, BASE)
    states = [info.state for info in store.versions(MODEL, BASE)]
    labels = list(store.read(MODEL, active, BASE).labels) if active > 1 else []
    replayed = store.find_idempotent(MODEL, "key 4", BASE)
    went_on = store.append(MODEL, version(7), active)
    files = sorted(path.name for path in (root / ".labels" / MODEL).iterdir())
    return {
        "active": active,
        "labels": labels,
        "broken": [state for state in states if state not in {VersionState.OK, VersionState.UNPUBLISHED}],
        "replayed": replayed and replayed.number,
        "went_on": went_on == store.active(MODEL, BASE) == max(active, len(states) + 1) + 1,
        "strangers": [name for name in files if name.startswith(".")],
    }


def main(chosen: Callable[..., dict[str, Any]], root: Path, *arguments: Any) -> None:
    """Prints what one of the functions above finds."""
    torch.set_num_threads(1)
    print(json.dumps(chosen(root, *arguments)))  # noqa: T201
