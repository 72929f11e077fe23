"""Opening an archive without trusting it, and writing one back.

An AllenNLP or biome.text archive is a `model.tar.gz` (or the same files in a folder) with a configuration, weights
and vocabulary files. Nothing is extracted to disk: the members that are wanted are read into memory, one by one,
under the limits of `ArchiveLimits`; whatever an archive has no business to hold gets it refused.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

import safetensors.torch
import torch
from torch import Tensor

from models.archive_limits import (
    CONFIG,
    DEFAULT_LIMITS,
    HEADER_BYTES,
    META,
    TOKENIZER_FILES,
    VOCABULARY,
    ArchiveLimits,
    BoundedReader,
    Budget,
    MiB,
    shown,
)
from models.config_policy import parse_config
from models.errors import ArchiveError, BrokenArchive, UnsafeArchive
from models.weights_policy import check_pickle, check_state

WEIGHTS = ("weights.th", "model.safetensors", "pytorch_model.bin")
SUFFIX = ".tar.gz"


@dataclass(frozen=True)
class Archive:
    """What an archive holds, parsed: nothing in here has been executed or imported."""

    name: str
    config: Mapping[str, Any]
    weights: Mapping[str, Tensor] = field(repr=False)
    vocabulary: Mapping[str, str] = field(repr=False)
    """Vocabulary file name -> its text."""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Tokenizer files of a Hugging Face checkpoint."""
    library_version: str | None = None
    """The version that AllenNLP 2.9 and later write into meta.json."""


def archive_name(path: Path) -> str:
    """The name a model goes by: that of its file or folder."""
    return path.name.removesuffix(SUFFIX)


def open_archive(path: Path, limits: ArchiveLimits = DEFAULT_LIMITS) -> Archive:
    """Reads a `model.tar.gz`, an unpacked archive folder or a checkpoint folder.

    Raises UnsafeArchive for anything that could do harm, BrokenArchive for damage.
    """
    name = archive_name(path)
    members = read_members(path, limits)
    if CONFIG not in members:
        raise BrokenArchive(name, CONFIG, "is missing; an archive holds config.json, weights.th and vocabulary/")
    config = parse_config(name, CONFIG, members.pop(CONFIG))
    meta = parse_config(name, META, members.pop(META)) if META in members else {}
    weights_name = weights_file(members)
    if weights_name is None:
        raise BrokenArchive(name, None, f"holds no weights; expected {' or '.join(WEIGHTS)}")
    weights = _load_weights(name, weights_name, members.pop(weights_name), limits)
    files = {file: members.pop(file) for file in TOKENIZER_FILES if file in members}
    vocabulary = {PurePosixPath(file).name: _text(name, file, data) for file, data in _vocabulary(members).items()}
    return Archive(name, config, weights, vocabulary, files, meta.get("version"))


def _vocabulary(members: Mapping[str, bytes]) -> dict[str, bytes]:
    return {file: data for file, data in members.items() if file.startswith(f"{VOCABULARY}/")}


def _wanted(member: PurePosixPath) -> bool:
    """A known name, at the top or in one folder that a packed checkpoint may lie in."""
    return _known(member) or (len(member.parts) > 1 and _known(member.relative_to(member.parts[0])))


def read_members(path: Path, limits: ArchiveLimits = DEFAULT_LIMITS) -> dict[str, bytes]:
    """The files of an archive that have a meaning, by name. Raises UnsafeArchive and BrokenArchive."""
    name = archive_name(path)
    if path.is_dir():
        return _read_folder(path, name, limits)
    files = _read_tar(path, name, limits)
    folder = top_folder(files)
    return {file.removeprefix(folder): data for file, data in files.items() if file.startswith(folder)}


def top_folder(names: Collection[str]) -> str:
    """The one folder, with its slash, that holds everything, where there is no configuration at the top."""
    folders = [name.removesuffix(CONFIG) for name in names if name.endswith(f"/{CONFIG}")]
    return "" if CONFIG in names or len(folders) != 1 else folders[0]


def weights_file(names: Collection[str]) -> str | None:
    """Where the weights are, of files with these names."""
    return next((name for name in WEIGHTS if name in names), None)


def _known(member: PurePosixPath) -> bool:
    if len(member.parts) == 1:
        return member.name in {CONFIG, META, *WEIGHTS, *TOKENIZER_FILES}
    return len(member.parts) == 2 and member.parts[0] == VOCABULARY and member.suffix == ".txt"


def folder_files(path: Path) -> dict[str, Path]:
    """The files of an unpacked archive or a checkpoint, by their names in an archive. Others are no part of it."""
    files = sorted([*path.glob("*"), *path.glob(f"{VOCABULARY}/*")])
    named = {PurePosixPath(file.relative_to(path).as_posix()): file for file in files}
    return {str(name): file for name, file in named.items() if file.is_file() and _known(name)}


def _read_folder(path: Path, name: str, limits: ArchiveLimits) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    budget = Budget(name, limits, packed=limits.unpacked_bytes)
    for member, file in folder_files(path).items():
        if not file.resolve().is_relative_to(path.resolve()):
            raise UnsafeArchive(
                name, shown(member), "is a link that leads out of the folder; put the file itself there"
            )
        size = file.stat().st_size
        budget.take(member, size)
        with file.open("rb") as source:
            files[member] = source.read(size)
    return files


def _home(folder: Path) -> Path:
    """Where the links of a folder may lead: into itself, and from a snapshot of the Hugging Face cache to its blobs."""
    resolved = folder.resolve()
    return resolved.parent.parent if resolved.parent.name == "snapshots" else resolved


def _read_tar(path: Path, name: str, limits: ArchiveLimits) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with damage_reported(name):
        for member, data in tar_members(path, name, limits):
            relative = PurePosixPath(member.name)
            if data is not None and _wanted(relative):
                files[str(relative)] = data.read()
    return files


def tar_members(
    path: Path, name: str, limits: ArchiveLimits = DEFAULT_LIMITS
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Each member of a tar.gz, in order, with its data where it is a file. What is not read of it is skipped.

    Raises UnsafeArchive, and within `damage_reported` BrokenArchive.
    """
    packed = path.stat().st_size
    if packed > limits.packed_bytes:
        raise UnsafeArchive(name, None, f"is {packed} bytes; the limit is {limits.packed_bytes}")
    with path.open("rb") as file, gzip.open(file) as unpacked:
        reader = BoundedReader(unpacked, name)
        with tarfile.open(fileobj=reader, mode="r|") as tar:
            budget = Budget(name, limits, packed)
            for member in _members(tar, reader):
                budget.take(member.name, member.size)
                _refuse_dangerous(name, member)
                reader.allow(member.size)
                data = tar.extractfile(member) if member.isfile() else None
                yield member, data
                _skip(data)


DAMAGE = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, OSError, ValueError, OverflowError, RecursionError)


@contextmanager
def damage_reported(name: str) -> Iterator[None]:
    """What goes wrong while a tar.gz is read becomes BrokenArchive."""
    try:
        yield
    except ArchiveError:
        raise
    except DAMAGE as error:
        raise BrokenArchive(name, None, f"is not a complete tar.gz file ({type(error).__name__})") from error


def archive_checksum(path: Path) -> str:
    """SHA-256 of an archive file; of a folder, that of the names and contents of its files. Raises OSError."""
    if path.is_dir():
        digest = hashlib.sha256()
        for member, file in folder_files(path).items():
            digest.update(f"{member}\0{_file_checksum(file)}\n".encode())
        return digest.hexdigest()
    return _file_checksum(path)


def _file_checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _members(tar: tarfile.TarFile, reader: BoundedReader) -> Iterator[tarfile.TarInfo]:
    while True:
        reader.allow(HEADER_BYTES)
        member = tar.next()
        if member is None:
            return
        # tarfile keeps every member it has seen; a million of them would cost a gigabyte.
        vars(tar)["members"].clear()
        yield member


def _skip(data: IO[bytes] | None) -> None:
    while data is not None and data.read(MiB):
        pass


def _refuse_dangerous(name: str, member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name)
    where = shown(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise UnsafeArchive(name, where, "points outside the archive")
    if not (member.isfile() or member.isdir()):
        raise UnsafeArchive(name, where, "is a link, a device or a pipe; an archive holds plain files only")
    if member.issparse():
        raise UnsafeArchive(name, where, "is a sparse file; an archive holds plain files only")


def _load_weights(name: str, member: str, data: bytes, limits: ArchiveLimits) -> dict[str, Tensor]:
    """A state dict of plain tensors. Pickled code is never run (models/weights_policy.py)."""
    try:
        if member.endswith(".safetensors"):
            state: Any = safetensors.torch.load(data)
        else:
            check_pickle(name, member, data, limits)
            state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except ArchiveError:
        raise
    except Exception as error:
        raise UnsafeArchive(name, member, f"does not load as plain tensors ({type(error).__name__})") from error
    return check_state(name, member, state)


def _text(name: str, member: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenArchive(name, member, "is not UTF-8 text") from error


def write_archive(
    path: Path, config: Mapping[str, Any], weights: Mapping[str, Tensor], vocabulary: Mapping[str, Sequence[str]]
) -> None:
    """Writes a `model.tar.gz` that AllenNLP opens; the file appears complete or not at all.

    `vocabulary` maps a file name without `.txt` to its lines.
    """
    buffer = io.BytesIO()
    torch.save(dict(weights), buffer)
    members = {CONFIG: json.dumps(config, indent=2, ensure_ascii=False).encode(), WEIGHTS[0]: buffer.getvalue()}
    for namespace, lines in vocabulary.items():
        text = "\n".join(line.replace("\n", "@@NEWLINE@@") for line in lines)
        members[f"{VOCABULARY}/{namespace}.txt"] = text.encode()
    with written_whole(path) as temporary, tarfile.open(temporary, mode="w:gz") as tar:
        for member, data in members.items():
            add_member(tar, tarfile.TarInfo(member), data)


def add_member(tar: tarfile.TarFile, info: tarfile.TarInfo, data: bytes) -> None:
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that gets its name once it is written, and on disk; until then nothing changes."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=SUFFIX)
    temporary = Path(name)
    try:
        yield temporary
        os.fsync(descriptor)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
