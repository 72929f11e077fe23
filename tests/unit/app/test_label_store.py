import os
import random
import shutil
from pathlib import Path

import pytest
import torch

from app import durable
from app.errors import StaleVersion, StoreNotWritable, UnknownVersion, VersionUnusable
from app.label_store import MAX_VERSION_BYTES, LabelStore, NewVersion, Replay, VersionState

MODEL, BASE, OTHER = "reviews", "a" * 64, "b" * 64


def new_version(count: int = 3, base: str = BASE, **more: object) -> NewVersion:
    labels = tuple(f"label {index} Ω\n" for index in range(count))
    weight = torch.arange(count * 4, dtype=torch.float32).view(count, 4) / 7
    return NewVersion(labels=labels, tensors={"weight": weight, "bias": weight[:, 0].clone()}, base=base, **more)


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    return LabelStore(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".labels" / MODEL


def test_without_versions_the_archive_answers(store, tmp_path):
    assert store.active(MODEL, BASE) == 1
    assert store.versions(MODEL, BASE) == []
    assert store.find_idempotent(MODEL, "key", BASE) is None
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UnknownVersion, match=r"has no label version 2\. Available: 1\."):
        store.read(MODEL, 2, BASE)


def test_a_version_comes_back_as_it_was_given(store):
    given = new_version(author="ann", reason="two new desks", report={"lodging": {"accuracy": 0.9}})
    assert store.append(MODEL, given, 1) == 2
    assert store.active(MODEL, BASE) == 2
    version = store.read(MODEL, 2, BASE)
    assert version.labels == given.labels
    assert version.tensors.keys() == given.tensors.keys()
    assert all(torch.equal(version.tensors[name], given.tensors[name]) for name in given.tensors)
    record = version.record
    assert (record.parent, record.author, record.reason) == (1, "ann", "two new desks")
    assert record.report == {"lodging": {"accuracy": 0.9}}
    assert record.created.utcoffset() is not None
    (info,) = store.versions(MODEL, BASE)
    assert (info.number, info.state, info.record) == (2, VersionState.OK, record)


def test_any_version_can_answer_again(store):
    for count in (2, 3):
        store.append(MODEL, new_version(count), count - 1)
    store.activate(MODEL, 2, BASE, expected_active=3)
    assert store.active(MODEL, BASE) == 2
    assert store.append(MODEL, new_version(4), 2) == 4
    assert store.read(MODEL, 4, BASE).record.parent == 2
    store.activate(MODEL, 1, BASE)
    assert store.active(MODEL, BASE) == 1
    with pytest.raises(UnknownVersion, match="Available: 1, 2, 3, 4"):
        store.activate(MODEL, 5, BASE)


def test_a_stale_writer_changes_nothing(store):
    store.append(MODEL, new_version(), 1)
    with pytest.raises(StaleVersion, match="answers with label version 2, not 1") as caught:
        store.append(MODEL, new_version(), 1)
    assert caught.value.active == 2
    with pytest.raises(StaleVersion):
        store.activate(MODEL, 1, BASE, expected_active=3)
    assert [info.number for info in store.versions(MODEL, BASE)] == [2]
    assert store.active(MODEL, BASE) == 2


def test_a_request_is_found_by_its_key_once_it_was_published(store, folder):
    store.append(MODEL, new_version(idempotency_key="k1", request_digest="d1", report={"n": 1}), 1)
    store.append(MODEL, new_version(idempotency_key="k2"), 2)
    store.activate(MODEL, 1, BASE)
    assert store.find_idempotent(MODEL, "k1", BASE) == Replay(2, "d1", {"n": 1})
    assert store.find_idempotent(MODEL, "k3", BASE) is None
    assert store.find_idempotent(MODEL, "k1", OTHER) is None
    (folder / "active.json").unlink()
    assert store.find_idempotent(MODEL, "k1", BASE) is None
    assert {info.state for info in store.versions(MODEL, BASE)} == {VersionState.UNPUBLISHED}


def test_versions_of_another_archive_are_refused_and_kept(store, folder):
    store.append(MODEL, new_version(), 1)
    before = (folder / "000002.safetensors").read_bytes()
    assert store.active(MODEL, OTHER) == 1
    (info,) = store.versions(MODEL, OTHER)
    assert info.state is VersionState.FOREIGN
    assert "another archive" in (info.problem or "")
    with pytest.raises(VersionUnusable, match="another archive"):
        store.read(MODEL, 2, OTHER)
    with pytest.raises(VersionUnusable, match="another archive"):
        store.activate(MODEL, 2, OTHER)
    assert store.append(MODEL, new_version(5, base=OTHER), 1) == 3
    assert store.active(MODEL, OTHER) == 3
    assert store.active(MODEL, BASE) == 1
    assert (folder / "000002.safetensors").read_bytes() == before


def refused(store: LabelStore, why: str) -> None:
    """Version 2 is listed with a reason and cannot be used; the archive answers."""
    fresh = LabelStore(store._root.parent)
    assert fresh.active(MODEL, BASE) == 1
    (info,) = fresh.versions(MODEL, BASE)
    assert info.state is VersionState.BROKEN
    with pytest.raises(VersionUnusable, match=why):
        fresh.read(MODEL, 2, BASE)
    with pytest.raises(VersionUnusable):
        fresh.activate(MODEL, 2, BASE)


@pytest.mark.parametrize("part", range(20))
def test_a_torn_version_is_refused(store, folder, part):
    store.append(MODEL, new_version(), 1)
    file = folder / "000002.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[: part * len(whole) // 20 if part < 19 else len(whole) - 1])
    refused(store, "torn or no safetensors")
    assert store.append(MODEL, new_version(), LabelStore(folder.parent.parent).active(MODEL, BASE)) == 3
    assert store.active(MODEL, BASE) == 3


def test_a_changed_byte_is_noticed_wherever_it_counts(store, folder):
    given = new_version()
    store.append(MODEL, given, 1)
    file = folder / "000002.safetensors"
    whole = file.read_bytes()
    places = random.Random(1)
    noticed = 0
    for _ in range(300):
        changed = bytearray(whole)
        changed[places.randrange(len(whole))] ^= 1 << places.randrange(8)
        file.write_bytes(changed)
        try:
            version = store.read(MODEL, 2, BASE)
        except VersionUnusable:
            noticed += 1
        else:
            assert version.labels == given.labels
            assert torch.equal(version.tensors["weight"], given.tensors["weight"])
    assert noticed > 250


def test_a_link_a_pipe_a_folder_and_a_giant_are_no_versions(store, folder, tmp_path):
    store.append(MODEL, new_version(), 1)
    file = folder / "000002.safetensors"
    kept = tmp_path / "kept"
    shutil.move(file, kept)
    file.symlink_to(kept)
    refused(store, "is a link")
    file.unlink()
    os.mkfifo(file)
    refused(store, "not a plain file")
    file.unlink()
    file.mkdir()
    refused(store, "not a plain file")
    file.rmdir()
    with file.open("wb") as sparse:
        sparse.truncate(MAX_VERSION_BYTES + 1)
    refused(store, "the limit is")


def test_a_version_under_another_name_is_refused(store, folder):
    store.append(MODEL, new_version(), 1)
    shutil.copy(folder / "000002.safetensors", folder / "000003.safetensors")
    with pytest.raises(VersionUnusable, match="version 2 of 'reviews', under another name"):
        store.read(MODEL, 3, BASE)
    shutil.copytree(folder, folder.parent / "others")
    assert store.active("others", BASE) == 1


def test_a_version_that_was_exchanged_after_it_was_published_is_refused(store, folder, tmp_path):
    store.append(MODEL, new_version(3), 1)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    LabelStore(elsewhere).append(MODEL, new_version(4), 1)
    shutil.copy(elsewhere / ".labels" / MODEL / "000002.safetensors", folder)
    assert LabelStore(folder.parent.parent).active(MODEL, BASE) == 1


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"version": 0, "base": ""}', b'{"version": 9, "base": "x"}', b"\0"])
def test_a_damaged_pointer_leaves_the_archive_answering(store, folder, content):
    store.append(MODEL, new_version(), 1)
    (folder / "active.json").write_bytes(content)
    assert store.active(MODEL, BASE) == 1
    store.activate(MODEL, 2, BASE, expected_active=1)
    assert store.active(MODEL, BASE) == 2


def test_a_pointer_to_a_version_that_is_gone_leaves_the_archive_answering(store, folder):
    store.append(MODEL, new_version(), 1)
    (folder / "000002.safetensors").unlink()
    assert LabelStore(folder.parent.parent).active(MODEL, BASE) == 1
    assert store.append(MODEL, new_version(), 1) == 3


def test_files_of_other_names_are_left_alone(store, folder):
    store.append(MODEL, new_version(), 1)
    for name in ("2.safetensors", "000001.safetensors", "000003.safetensors.bak", "notes.txt"):
        (folder / name).write_text("x")
    assert [info.number for info in store.versions(MODEL, BASE)] == [2]
    assert store.append(MODEL, new_version(), 2) == 3
    assert (folder / "notes.txt").read_text() == "x"


def test_what_contradicts_itself_is_not_written(store, folder):
    twice = NewVersion(labels=("a", "a"), tensors={"weight": torch.zeros(2, 3)}, base=BASE)
    short = NewVersion(labels=("a", "b"), tensors={"weight": torch.zeros(3, 3)}, base=BASE)
    endless = NewVersion(labels=("a",), tensors={"weight": torch.tensor([[float("nan")]])}, base=BASE)
    for given, why in ((twice, "twice"), (short, "2 labels"), (endless, "NaN")):
        with pytest.raises(ValueError, match=why):
            store.append(MODEL, given, 1)
    assert [path.name for path in folder.iterdir()] == ["lock"]
    with pytest.raises(ValueError, match="cannot be the name"):
        store.active("../reviews", BASE)


def test_a_store_that_cannot_hold_versions_says_so(tmp_path):
    (tmp_path / ".labels").write_text("not a folder")
    store = LabelStore(tmp_path)
    assert store.active(MODEL, BASE) == 1
    assert store.versions(MODEL, BASE) == []
    with pytest.raises(StoreNotWritable) as caught:
        store.append(MODEL, new_version(), 1)
    assert str(tmp_path) not in str(caught.value)


def test_a_lock_that_is_not_let_go_of_is_given_up_on(store, folder, monkeypatch):
    store.append(MODEL, new_version(), 1)
    monkeypatch.setattr("app.label_store.LOCK_SECONDS", 0.05)
    with durable.locked(folder / "lock", 1), pytest.raises(StoreNotWritable, match="another writer"):
        store.append(MODEL, new_version(), 2)
    assert store.append(MODEL, new_version(), 2) == 3


def test_a_file_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (calls.append("fsync"), fsync(descriptor))[1])
    monkeypatch.setattr(Path, "replace", lambda path, target: (calls.append("replace"), replace(path, target))[1])
    durable.write_durably(tmp_path / "file", b"data")
    assert calls == ["fsync", "replace", "fsync"]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"old")

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        durable.write_durably(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
