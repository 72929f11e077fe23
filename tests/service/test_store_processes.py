"""The store of label versions under real processes: several at once, killed ones, and ones that may not write."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.label_store import LabelStore, VersionState
from tests.service.forked import Piped
from tests.service.label_writers import (
    BASE,
    MODEL,
    SCENES,
    append_first,
    append_third,
    follow,
    killed,
    main,
    race,
    roll_back,
    unprivileged,
    version,
)  # fmt: skip

pytestmark = pytest.mark.service


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that processes of other users reach."""
    with tempfile.TemporaryDirectory(prefix="vitrine-store-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def start(writer: Callable[..., dict[str, Any]], *arguments: Any) -> Piped:
    return Piped(main, writer, *arguments)


def result(process: Piped) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(process.result(timeout=120).splitlines()[-1])
    return answer


def test_of_writers_that_extend_the_same_version_one_wins(root):
    processes = [start(race, root, 8) for _ in range(4)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [result(process) for process in processes]
    assert sorted(number for one in results for number in one["published"]) == list(range(2, 34))
    assert sum(one["stale"] for one in results) > 0
    versions = LabelStore(root).versions(MODEL, BASE)
    assert [info.number for info in versions] == list(range(2, 34))
    assert {info.state for info in versions} == {VersionState.OK}
    assert [info.record.parent for info in versions if info.record] == list(range(1, 33))
    for number in range(2, 34):
        read = LabelStore(root).read(MODEL, number, BASE)
        assert len(read.labels) == number
        assert bool((read.tensors["weight"] == number).all())


def test_a_writer_killed_at_any_step_leaves_the_old_version_or_the_new_one(root):
    scenes = result(start(killed, root / "store"))["outcomes"]
    old_and_new = {append_first: (1, 2), append_third: (3, 4), roll_back: (3, 2)}
    for name, (_, action) in SCENES.items():
        outcomes = scenes[name]
        assert len([one for one in outcomes if one["killed"]]) > 50
        old, new = old_and_new[action]
        assert {one["active"] for one in outcomes} == {old, new}
        for one in outcomes:
            assert one["labels"] == [f"l{index}" for index in range(one["active"] if one["active"] > 1 else 0)]
            assert not one["broken"]
            assert one["went_on"]
            assert not one["strangers"]
            assert one["replayed"] == (4 if one["active"] == 4 else None)
            if one["acknowledged"] is not None:
                assert one["active"] == one["acknowledged"] == new
    acknowledged = [one for outcomes in scenes.values() for one in outcomes if one["acknowledged"] and one["killed"]]
    assert acknowledged


def test_another_process_follows(root):
    store = LabelStore(root)
    follower = start(follow, root, 2)
    assert follower.stdout.readline() == "watching\n"
    assert store.append(MODEL, version(2), 1) == 2
    assert result(follower)["seen"] == [1, 2]
    follower = start(follow, root, 1)
    assert follower.stdout.readline() == "watching\n"
    store.activate(MODEL, 1, BASE, 2)
    assert result(follower)["seen"] == [2, 1]


@pytest.mark.skipif("os.geteuid() != 0", reason="needs to become another user")
@pytest.mark.parametrize("action", ["append", "activate"])
def test_a_process_that_may_not_write_reads_on(root, action):
    LabelStore(root).append(MODEL, version(2), 1)
    found = result(start(unprivileged, root, action))
    assert found["before"] == [2, ["l0", "l1"], 1]
    assert found["error"] == "StoreNotWritable"
    assert "Permission denied" in found["detail"]
    assert str(root) not in found["detail"]
    assert LabelStore(root).active(MODEL, BASE) == 2
