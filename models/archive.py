"""Opening an archive without trusting it, and writing one back.

An AllenNLP or biome.text archive is a `model.tar.gz` (or the same files in a folder) with a configuration, weights
and vocabulary files. Nothing is extracted to disk: the members that are wanted are read into memory, one by one,
under the limits of `ArchiveLimits`; whatever an archive has no business to hold gets it refused.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from models.config_policy import parse_config
from models.errors import ArchiveError, BrokenArchive, UnsafeArchive

CONFIG = "config.json"
META = "meta.json"
WEIGHTS = ("weights.th", "model.safetensors", "pytorch_model.bin")
VOCABULARY = "vocabulary"
TOKENIZER_FILES = (
    "added_tokens.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "spm.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
"""What a Hugging Face checkpoint may keep its tokenizer in."""
SUFFIX = ".tar.gz"

MiB = 1 << 20
GiB = 1 << 30
_HEADER_BYTES = MiB
"""What one tar header with its extensions (long names, pax records) may take."""


@dataclass(frozen=True)
class ArchiveLimits:
    """Upper bounds on what is read from one archive. The defaults leave room for a BERT-large with a margin."""

    packed_bytes: int = 8 * GiB
    unpacked_bytes: int = 16 * GiB
    config_bytes: int = 4 * MiB
    vocabulary_bytes: int = 512 * MiB
    members: int = 10_000
    ratio: int = 200
    """Unpacked over packed size, looked at only beyond `ratio_floor_bytes`."""
    ratio_floor_bytes: int = 256 * MiB


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


def open_archive(path: Path, limits: ArchiveLimits = ArchiveLimits()) -> Archive:
    """Reads a `model.tar.gz`, an unpacked archive folder or a checkpoint folder.

    Raises UnsafeArchive for anything that could do harm, BrokenArchive for damage.
    """
    name = archive_name(path)
    members = _read_folder(path, name, limits) if path.is_dir() else _without_folder(_read_tar(path, name, limits))
    if CONFIG not in members:
        raise BrokenArchive(name, CONFIG, "is missing; an archive holds config.json, weights.th and vocabulary/")
    config = parse_config(name, CONFIG, members.pop(CONFIG))
    meta = parse_config(name, META, members.pop(META)) if META in members else {}
    weights_file = next((file for file in WEIGHTS if file in members), None)
    if weights_file is None:
        raise BrokenArchive(name, None, f"holds no weights; expected {' or '.join(WEIGHTS)}")
    weights = _load_weights(name, weights_file, members.pop(weights_file), limits)
    files = {file: members.pop(file) for file in TOKENIZER_FILES if file in members}
    vocabulary = {PurePosixPath(file).name: _text(name, file, data) for file, data in members.items()}
    return Archive(name, config, weights, vocabulary, files, meta.get("version"))


def _wanted(member: PurePosixPath) -> bool:
    """A known name, at the top or in one folder that a packed checkpoint may lie in."""
    return _known(member) or (len(member.parts) > 1 and _known(member.relative_to(member.parts[0])))


def _without_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of the one folder that holds everything, where there is no configuration at the top."""
    folders = [name.removesuffix(CONFIG) for name in files if name.endswith(f"/{CONFIG}")]
    if CONFIG in files or len(folders) != 1:
        return files
    return {name.removeprefix(folders[0]): data for name, data in files.items() if name.startswith(folders[0])}


def _known(member: PurePosixPath) -> bool:
    if len(member.parts) == 1:
        return member.name in {CONFIG, META, *WEIGHTS, *TOKENIZER_FILES}
    return len(member.parts) == 2 and member.parts[0] == VOCABULARY and member.suffix == ".txt"


def _read_folder(path: Path, name: str, limits: ArchiveLimits) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    budget = _Budget(name, limits, packed=limits.unpacked_bytes)
    for file in sorted([*path.glob("*"), *path.glob(f"{VOCABULARY}/*")]):
        relative = PurePosixPath(file.relative_to(path).as_posix())
        if file.is_file() and _known(relative):
            budget.take(str(relative), file.stat().st_size)
            files[str(relative)] = file.read_bytes()
    return files


def _read_tar(path: Path, name: str, limits: ArchiveLimits) -> dict[str, bytes]:
    packed = path.stat().st_size
    if packed > limits.packed_bytes:
        raise UnsafeArchive(name, None, f"is {packed} bytes; the limit is {limits.packed_bytes}")
    files: dict[str, bytes] = {}
    try:
        with path.open("rb") as file, gzip.open(file) as unpacked:
            reader = _BoundedReader(unpacked, name)
            with tarfile.open(fileobj=reader, mode="r|") as tar:
                budget = _Budget(name, limits, packed)
                for member in _members(tar, reader):
                    budget.take(member.name, member.size)
                    _refuse_dangerous(name, member)
                    reader.allow(member.size)
                    data = tar.extractfile(member) if member.isfile() else None
                    relative = PurePosixPath(member.name)
                    if data is not None and _wanted(relative):
                        files[str(relative)] = data.read()
                    elif data is not None:
                        _skip(data)
    except ArchiveError:
        raise
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, OSError, ValueError, OverflowError) as error:
        raise BrokenArchive(name, None, f"is not a complete tar.gz file ({type(error).__name__})") from error
    return files


def _members(tar: tarfile.TarFile, reader: _BoundedReader) -> Iterator[tarfile.TarInfo]:
    while True:
        reader.allow(_HEADER_BYTES)
        member = tar.next()
        if member is None:
            return
        # tarfile keeps every member it has seen; a million of them would cost a gigabyte.
        vars(tar)["members"].clear()
        yield member


def _skip(data: Any) -> None:
    while data.read(MiB):
        pass


def _refuse_dangerous(name: str, member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name)
    shown = _shown(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise UnsafeArchive(name, shown, "points outside the archive")
    if not (member.isfile() or member.isdir()):
        raise UnsafeArchive(name, shown, "is a link, a device or a pipe; an archive holds plain files only")
    if member.issparse():
        raise UnsafeArchive(name, shown, "is a sparse file; an archive holds plain files only")


def _shown(member: str) -> str:
    """A member's name as a message may show it."""
    return ascii(member[:120])[1:-1]


class _Budget:
    """What an archive has left of its limits while its members are read."""

    def __init__(self, name: str, limits: ArchiveLimits, packed: int) -> None:
        self._name = name
        self._limits = limits
        ceiling = max(limits.ratio_floor_bytes, limits.ratio * packed)
        self._bytes = min(limits.unpacked_bytes, ceiling)
        self._vocabulary_bytes = limits.vocabulary_bytes
        self._members = limits.members

    def take(self, member: str, size: int) -> None:
        self._members -= 1
        self._bytes -= size
        if member.startswith(f"{VOCABULARY}/"):
            self._vocabulary_bytes -= size
        if self._members < 0:
            raise UnsafeArchive(self._name, None, f"holds more than {self._limits.members} members")
        if member in {CONFIG, META} and size > self._limits.config_bytes:
            raise UnsafeArchive(self._name, member, f"is {size} bytes; the limit is {self._limits.config_bytes}")
        if self._vocabulary_bytes < 0:
            limit = self._limits.vocabulary_bytes
            raise UnsafeArchive(self._name, _shown(member), f"takes the vocabulary beyond {limit} bytes")
        if self._bytes < 0 or size < 0:
            reason = f"unpacks to more than the limits allow ({self._limits.unpacked_bytes} bytes, "
            raise UnsafeArchive(self._name, _shown(member), f"{reason}{self._limits.ratio} times the packed size)")


class _BoundedReader(io.RawIOBase):
    """Passes reads through until the bytes last allowed are used up: a header cannot ask for more than a header."""

    def __init__(self, source: Any, name: str) -> None:
        self._source = source
        self._name = name
        self.allow(_HEADER_BYTES)

    def allow(self, size: int) -> None:
        self._left = size + 2 * tarfile.RECORDSIZE

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self._left:
            raise UnsafeArchive(self._name, None, "has a tar header that is larger than any honest one")
        data: bytes = self._source.read(size)
        self._left -= len(data)
        return data


def _load_weights(name: str, member: str, data: bytes, limits: ArchiveLimits) -> dict[str, Tensor]:
    """A state dict of plain tensors. Pickled code is never run: `weights_only` admits tensors and containers."""
    try:
        if member.endswith(".safetensors"):
            state = safetensors.torch.load(data)
        else:
            _refuse_inflated(name, member, data, limits)
            state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except ArchiveError:
        raise
    except Exception as error:
        raise UnsafeArchive(name, member, f"does not load as plain tensors ({type(error).__name__})") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise BrokenArchive(name, member, "is not a state dict (names to tensors)")
    for key, tensor in state.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise BrokenArchive(name, member, f"{_shown(str(key))} holds NaN or infinite numbers")
    return {str(key): tensor for key, tensor in state.items()}


def _refuse_inflated(name: str, member: str, data: bytes, limits: ArchiveLimits) -> None:
    """torch's newer weights are zip files; one whose entries unpack to more than the limit is refused unread."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        if unpacked > max(2 * len(data), MiB) or unpacked > limits.unpacked_bytes:
            raise UnsafeArchive(name, member, f"is {len(data)} bytes and unpacks to {unpacked}")


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
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as tar:
                for member, data in members.items():
                    info = tarfile.TarInfo(member)
                    info.size = len(data)
                    info.mode = 0o644
                    tar.addfile(info, io.BytesIO(data))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
