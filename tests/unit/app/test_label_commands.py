"""`vitrine versions` and `vitrine export` as processes."""

import json
from pathlib import Path

import pytest
import torch

from app.label_store import LabelStore, NewVersion
from models.archive import archive_checksum
from models.head_tensors import head_tensors
from models.loading import load_classifier
from tests.service.forked import vitrine
from tests.unit.models.archives import members, packed


def publish(archive: Path, *new: str) -> dict[str, torch.Tensor]:
    """Appends labels with rows of their own to what answers at present; gives all rows."""
    own = load_classifier(archive).label_set
    rows = {
        name: torch.cat([tensor, torch.full((len(new), *tensor.shape[1:]), len(new) / 3)])
        for name, tensor in head_tensors(own.head).items()
    }
    base, store = archive_checksum(archive), LabelStore(archive.parent)
    version = NewVersion(labels=own.labels + new, tensors=rows, base=base, author="ann", reason="new desk")
    store.append("small", version, store.active("small", base))
    return rows


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    packed(tmp_path / "store" / "small.tar.gz", members())
    return tmp_path / "store"


def test_versions_are_listed(store):
    archive = store / "small.tar.gz"
    publish(archive, "third")
    publish(archive, "third", "fourth")
    LabelStore(store).activate("small", 2, archive_checksum(archive))
    (store / ".labels" / "small" / "000009.safetensors").write_text("torn")
    (first, second, third, torn) = json.loads(vitrine("versions", "small", "--store", store, "--json").stdout)
    assert [one["active"] for one in (first, second, third, torn)] == [False, True, False, False]
    assert (second["labels"], second["parent"], second["author"]) == (["pos", "neg", "third"], 1, "ann")
    assert (third["version"], third["parent"], third["state"]) == (3, 2, "ok")
    assert (torn["version"], torn["state"]) == (9, "broken")
    assert "torn" in torn["reason"]
    assert "2 *" in vitrine("versions", archive).stdout


def test_versions_of_another_archive_are_told_from_ones_own(store):
    archive = store / "small.tar.gz"
    publish(archive, "third")
    packed(archive, members(**{"notes.txt": b"retrained"}))
    told = vitrine("versions", "small", "--store", store, "--json")
    first, second = json.loads(told.stdout)
    assert first["active"]
    assert second["state"] == "foreign"
    assert "another archive" in told.stderr


def test_the_active_version_is_exported_or_the_one_that_is_named(store, tmp_path):
    archive, out = store / "small.tar.gz", tmp_path / "out.tar.gz"
    publish(archive, "third")
    rows = publish(archive, "third", "fourth")
    told = vitrine("export", "small", out, "--store", store)
    assert (told.returncode, told.stderr) == (0, "")
    exported = load_classifier(out).label_set
    assert exported.labels == ("pos", "neg", "third", "fourth")
    assert torch.equal(head_tensors(exported.head)["weight"], rows["weight"])
    for number, labels in ((2, 3), (1, 2)):
        assert vitrine("export", archive, out, "--version", number, "--force").returncode == 0
        assert len(load_classifier(out).label_set.labels) == labels


def test_what_cannot_be_exported_is_a_sentence(store, tmp_path):
    archive, out = store / "small.tar.gz", tmp_path / "out.tar.gz"
    before = archive.read_bytes()
    out.write_text("mine")
    for arguments, why in (
        (["small", out], "--force"),
        (["small", tmp_path / "out.zip"], "should end with .tar.gz"),
        (["small", tmp_path / "no" / "out.tar.gz"], "no folder"),
        (["small", archive, "--force"], "over itself"),
        (["other", tmp_path / "new.tar.gz"], "the store has small"),
        (["small", tmp_path / "new.tar.gz", "--version", "5"], "Available: 1."),
    ):
        told = vitrine("export", *arguments, "--store", store)
        assert told.returncode == 1
        assert told.stderr.startswith("vitrine: ")
        assert why in told.stderr
        assert "Traceback" not in told.stderr
    assert out.read_text() == "mine"
    assert archive.read_bytes() == before
    assert not (tmp_path / "new.tar.gz").exists()
