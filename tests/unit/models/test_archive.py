"""Opening archives: what an honest one gives, and that every hostile one is refused with a reason, unharmed."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models.archive import open_archive, write_archive
from models.archive_limits import ArchiveLimits, MiB
from models.config_policy import MAX_DEPTH
from models.errors import ArchiveError, BrokenArchive, UnsafeArchive
from models.loading import load_classifier
from tests.unit.models.archives import CONFIG, VOCABULARY, WEIGHTS, members, packed, serialized

SMALL = ArchiveLimits(
    unpacked_bytes=4 * MiB, config_bytes=64 << 10, vocabulary_bytes=MiB, members=100, ratio=50, ratio_floor_bytes=MiB
)


def test_an_honest_archive_opens(tmp_path: Path) -> None:
    archive = open_archive(packed(tmp_path / "reviews.tar.gz", members()))
    assert archive.name == "reviews"
    assert archive.config == CONFIG
    assert archive.vocabulary["labels.txt"] == "pos\nneg\n"
    assert torch.equal(archive.weights["_classification_layer.weight"], WEIGHTS["_classification_layer.weight"])


def test_a_folder_opens_like_the_archive_it_came_from(tmp_path: Path) -> None:
    for name, data in members().items():
        file = tmp_path / "reviews" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    assert open_archive(tmp_path / "reviews").config == CONFIG


def test_what_is_written_opens_again(tmp_path: Path) -> None:
    labels = ["pos", "two\nlines", "carriage\rreturn", "\u2028"]
    write_archive(tmp_path / "again.tar.gz", CONFIG, WEIGHTS, {"labels": labels, "non_padded_namespaces": ["*labels"]})
    archive = open_archive(tmp_path / "again.tar.gz")
    assert archive.config == CONFIG
    assert archive.vocabulary["labels.txt"] == "pos\ntwo@@NEWLINE@@lines\ncarriage\rreturn\n\u2028"
    assert list(tmp_path.iterdir()) == [tmp_path / "again.tar.gz"]


def link(kind: bytes, target: str) -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo("weights.th")
        info.type, info.linkname = kind, target
        tar.addfile(info)

    return add


def file_named(name: str) -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))

    return add


@pytest.mark.parametrize(
    "add",
    [
        file_named("../escaped"),
        file_named("vocabulary/../../escaped"),
        file_named("/tmp/escaped"),
        file_named("..\\escaped"),
        link(tarfile.SYMTYPE, "/etc/passwd"),
        link(tarfile.SYMTYPE, "config.json"),
        link(tarfile.LNKTYPE, "/etc/passwd"),
        link(tarfile.CHRTYPE, ""),
        link(tarfile.BLKTYPE, ""),
        link(tarfile.FIFOTYPE, ""),
    ],
    ids=["up", "up later", "absolute", "backslash", "symlink", "inner link", "hard link", "char", "block", "fifo"],
)
def test_members_that_reach_out_are_refused(tmp_path: Path, add: Callable[[tarfile.TarFile], None]) -> None:
    path = packed(tmp_path / "hostile.tar.gz", members(), add)
    before = set(tmp_path.parent.iterdir())
    with pytest.raises(UnsafeArchive, match="hostile"):
        open_archive(path)
    assert set(tmp_path.parent.iterdir()) == before


def test_bombs_are_refused(tmp_path: Path) -> None:
    zeros = bytes(8 * MiB)
    bombs = {
        "weights": members(weights=zeros),
        "config": members(config=b'{"a": "' + b" " * (128 << 10) + b'"}'),
        "vocabulary": members(vocabulary={**VOCABULARY, "vocabulary/tokens.txt": b"a\n" * MiB}),
        "unknown member": {**members(), "extra.bin": zeros},
        "ratio": {**members(), "extra.bin": bytes(3 * MiB)},
        "members": {**members(), **{f"empty/{index}": b"" for index in range(200)}},
    }
    for name, files in bombs.items():
        with pytest.raises(UnsafeArchive, match="bomb"):
            open_archive(packed(tmp_path / f"bomb {name}.tar.gz", files), SMALL)


def test_a_header_that_claims_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    """A pax header is read into memory by tarfile itself, before any member is seen."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 2 << 30
    path = tmp_path / "header.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header.tobuf(tarfile.USTAR_FORMAT))
        file.write(bytes(8 * MiB))
    with pytest.raises(UnsafeArchive, match="header"):
        open_archive(path)


def test_damage_is_told_from_attack(tmp_path: Path) -> None:
    whole = packed(tmp_path / "whole.tar.gz", members()).read_bytes()
    damaged = {
        "truncated": whole[: len(whole) // 2],
        "flipped": whole[:100] + bytes([whole[100] ^ 0xFF]) + whole[101:],
        "not gzip": b"hello",
        "empty": b"",
    }
    for name, data in damaged.items():
        path = tmp_path / f"{name}.tar.gz"
        path.write_bytes(data)
        with pytest.raises(ArchiveError, match=name):
            open_archive(path)
    for missing in ("config.json", "weights.th"):
        files = members()
        del files[missing]
        with pytest.raises(BrokenArchive, match=missing):
            open_archive(packed(tmp_path / "incomplete.tar.gz", files))


class Exploit:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/vitrine-was-here",)


def zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", bytes(64 * MiB))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "weights",
    [
        pickle.dumps(Exploit()),
        pickle.dumps({"weight": Exploit()}, protocol=0),
        b"cos\nsystem\n(S'true'\ntR.",
        b"c__builtin__\neval\n(S'1'\ntR.",
        zip_bomb(),
        b"\x80\x02]" + b"]" * 10_000 + b".",
    ],
    ids=["reduce", "reduce in dict", "global", "builtin", "zip bomb", "deep pickle"],
)
def test_weights_that_are_more_than_tensors_are_refused(tmp_path: Path, weights: bytes) -> None:
    path = packed(tmp_path / "pickled.tar.gz", members(weights=weights))
    with pytest.raises(ArchiveError, match=r"pickled, weights\.th"):
        open_archive(path)
    assert not Path("/tmp/vitrine-was-here").exists()


def test_saved_exploit_is_refused(tmp_path: Path) -> None:
    weights = serialized({**WEIGHTS, "extra": Exploit()})
    with pytest.raises(UnsafeArchive):
        open_archive(packed(tmp_path / "saved.tar.gz", members(weights=weights)))


def changed(**model: Any) -> dict[str, Any]:
    return {**CONFIG, "model": {**CONFIG["model"], **model}}


@pytest.mark.parametrize(
    "config",
    [
        changed(type="subprocess.Popen"),
        changed(seq2vec_encoder={"type": "subprocess.Popen", "args": ["touch", "/tmp/vitrine-was-here"]}),
        {**CONFIG, "dataset_reader": {"type": "os.system"}},
        {**CONFIG, "dataset_reader": {**CONFIG["dataset_reader"], "tokenizer": {"type": "builtins.eval"}}},
        {**CONFIG, "include_package": ["antigravity"]},
        {**CONFIG, "modules": ["antigravity"]},
        {**CONFIG, "vocabulary": {"type": "builtins.exec"}},
    ],
)
def test_configurations_that_would_run_code_are_unsafe(tmp_path: Path, config: Any) -> None:
    with pytest.raises(UnsafeArchive, match=r"config\.json"):
        load_classifier(packed(tmp_path / "config.tar.gz", members(config=config)))
    assert not Path("/tmp/vitrine-was-here").exists()


def test_a_class_path_in_short_form_is_refused_too(tmp_path: Path) -> None:
    """AllenNLP takes `"seq2vec_encoder": "a.b.C"` for `{"type": "a.b.C"}`."""
    with pytest.raises(ArchiveError, match="not"):
        load_classifier(packed(tmp_path / "short.tar.gz", members(config=changed(seq2vec_encoder="subprocess.Popen"))))


@pytest.mark.parametrize(
    "config",
    [
        b"local x = 1; {model: x}",
        b'{"model": importstr "/etc/passwd"}',
        b'{"model": std.extVar("HOME")}',
        b'{"model": NaN}',
        b"[]",
        b"\xff\xfe",
        b'{"a":' * 100_000,
        json.dumps({"model": eval("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))}).encode(),
    ],
    ids=["jsonnet", "importstr", "extVar", "NaN", "list", "not UTF-8", "very deep", "deep"],
)
def test_only_plain_json_is_a_configuration(tmp_path: Path, config: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"config\.json"):
        open_archive(packed(tmp_path / "text.tar.gz", members(config=config)))


def test_weights_must_be_numbers(tmp_path: Path) -> None:
    for value in (float("nan"), float("inf")):
        weights = {**WEIGHTS, "_classification_layer.bias": torch.tensor([0.0, value])}
        with pytest.raises(BrokenArchive, match=r"_classification_layer\.bias"):
            open_archive(packed(tmp_path / "numbers.tar.gz", members(weights=weights)))


def test_a_refusal_names_no_path_of_this_machine(tmp_path: Path) -> None:
    path = packed(tmp_path / "named.tar.gz", members(weights=b"?"))
    with pytest.raises(ArchiveError) as refusal:
        load_classifier(path)
    assert str(tmp_path) not in str(refusal.value)
    assert refusal.value.archive == "named"


def test_a_checkpoint_may_lie_in_one_folder(tmp_path: Path) -> None:
    files = {f"bert/{name}": data for name, data in members().items()}
    assert open_archive(packed(tmp_path / "packed.tar.gz", files)).config == CONFIG
    files |= {f"other/{name}": data for name, data in members().items()}
    with pytest.raises(BrokenArchive, match=r"config\.json"):
        open_archive(packed(tmp_path / "two.tar.gz", files))
