"""A label set back into an archive of the library that it came from, which that library opens.

Only what a wider head changes is written anew (models/export_members.py); every other member is copied as it is.
"""

from __future__ import annotations

import tarfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from models.archive import (
    WEIGHTS,
    add_member,
    archive_name,
    damage_reported,
    folder_files,
    read_members,
    tar_members,
    top_folder,
    weights_file,
    written_whole,
)
from models.classifier import LabelSet
from models.errors import ArchiveError, NotExportable
from models.export_members import changed_members
from models.head_tensors import head_tensors, with_head_tensors
from models.loading import load_classifier

COMPRESSION = 1
"""Weights are next to random: gzip's best takes several times as long for a percent or two."""
ATTACHED = ("files_to_archive.json", "fta/**/*")
"""Where AllenNLP keeps files that a configuration names, in an unpacked archive."""


def export(
    path: Path, target: Path, labels: Sequence[str], tensors: Mapping[str, Tensor], *, hub: Path | None = None
) -> None:
    """Writes the archive at `path` with these labels and rows (models/head_tensors.py) to `target`, a tar.gz.

    The file is opened again and compared before it gets its name, so that it appears whole and right or not at all.
    Raises NotExportable where the original's format cannot say it, ArchiveError for an archive that cannot be opened,
    and OSError.
    """
    name = archive_name(path)
    wanted, changed = _changes(path, labels, tensors, hub)
    with written_whole(target) as temporary:
        with tarfile.open(temporary, "w:gz", compresslevel=COMPRESSION) as tar:
            copy = _copy_folder if path.is_dir() else _copy_tar
            copy(path, tar, changed)
        _check(name, temporary, wanted, hub)


def _changes(
    path: Path, labels: Sequence[str], tensors: Mapping[str, Tensor], hub: Path | None
) -> tuple[LabelSet, dict[str, bytes]]:
    """The label set that is to be written, and the members that it changes. Raises NotExportable and ArchiveError."""
    name = archive_name(path)
    classifier = load_classifier(path, hub=hub)
    own = classifier.label_set
    if tuple(labels[: len(own.labels)]) != own.labels:
        raise NotExportable(name, None, "has other labels than the first ones of this label set")
    try:
        wanted = LabelSet(tuple(labels), with_head_tensors(own.head, tensors))
    except ValueError as error:
        raise NotExportable(name, None, f"has another head: this label set {error}") from error
    return wanted, changed_members(name, read_members(path), classifier, wanted)


def own_label_set(path: Path, *, hub: Path | None = None) -> tuple[tuple[str, ...], Mapping[str, Tensor]]:
    """The labels and rows that an archive itself holds. Raises ArchiveError."""
    own = load_classifier(path, hub=hub).label_set
    return own.labels, head_tensors(own.head)


def _copy_tar(path: Path, tar: tarfile.TarFile, changed: Mapping[str, bytes]) -> None:
    name = archive_name(path)
    left = dict(changed)
    with damage_reported(name):
        names = [str(PurePosixPath(info.name)) for info, _ in tar_members(path, name)]
        folder = top_folder(names)
        for info, data in tar_members(path, name):
            member = str(PurePosixPath(info.name)).removeprefix(folder)
            if member in changed:
                left.pop(member, None)
                info.pax_headers = {key: value for key, value in info.pax_headers.items() if key != "size"}
                add_member(tar, info, changed[member])
            elif not _other_weights(member, names, folder):
                tar.addfile(info, data)
    for member, content in left.items():
        add_member(tar, tarfile.TarInfo(folder + member), content)


def _copy_folder(path: Path, tar: tarfile.TarFile, changed: Mapping[str, bytes]) -> None:
    files = folder_files(path)
    attached = [file for pattern in ATTACHED for file in sorted(path.glob(pattern)) if file.is_file()]
    files |= {file.relative_to(path).as_posix(): file for file in attached if not file.is_symlink()}
    for member, content in changed.items():
        add_member(tar, tarfile.TarInfo(member), content)
    for member, file in files.items():
        if member not in changed and not _other_weights(member, files, ""):
            add_member(tar, tarfile.TarInfo(member), file.read_bytes())


def _other_weights(member: str, names: Collection[str], folder: str) -> bool:
    """Whether a member holds the weights a second time, which a wider head would contradict."""
    return member in WEIGHTS and member != weights_file([name.removeprefix(folder) for name in names])


def _check(name: str, path: Path, wanted: LabelSet, hub: Path | None) -> None:
    """Opens what was written. Raises NotExportable where that is not what was wanted."""
    try:
        written = load_classifier(path, hub=hub).label_set
    except ArchiveError as error:
        raise NotExportable(name, error.member, f"would not open again: {error.reason}") from error
    if written.labels != wanted.labels:
        raise NotExportable(name, None, "would come back with other labels; one of them does not fit its format")
    rows, expected = head_tensors(written.head), head_tensors(wanted.head)
    if rows.keys() != expected.keys() or not all(torch.equal(rows[key], expected[key]) for key in rows):
        raise NotExportable(name, None, "would come back with another head")
