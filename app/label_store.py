"""The store of label versions: immutable files, and one pointer to the version that answers.

    STORE/.labels/MODEL/000002.safetensors   a version (app/label_version.py); version 1 is the archive's own label set
                        active.json          the version that answers; where it is absent, version 1
                        lock                 held while writing

Replacing active.json publishes a version: before, nothing has happened; after, everything has. A process may be
killed at any step. What it leaves is the old state or the new one, and perhaps a version that was never published.

Everything here blocks; an event loop calls it on a thread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from app.durable import locked, make_folder_durably, read_plain_file, write_durably
from app.errors import StaleVersion, StoreNotWritable, UnknownVersion, VersionUnusable
from app.label_version import Version, VersionRecord, from_bytes, to_bytes, written
from app.store import NAME

log = structlog.get_logger(__name__)

FOLDER = ".labels"
POINTER = "active.json"
LOCK = "lock"
VERSION_FILE = re.compile(r"(\d{6})\.safetensors")
ARCHIVE_VERSION = 1
"""The label set that the archive itself holds."""

MiB = 1 << 20
MAX_VERSION_BYTES = 256 * MiB
"""A head of 10 000 labels over 4096 numbers takes 160 MiB."""
MAX_POINTER_BYTES = MiB
UNREADABLE = b"?"
"""What stands for a pointer that cannot be read: it means nothing, as a damaged one."""
LOCK_SECONDS = 10.0
"""Writing takes milliseconds."""


@dataclass(frozen=True, kw_only=True)
class NewVersion:
    """What is to be published. `base` is the checksum of the archive; `tensors` are (num_labels, ...) each."""

    labels: tuple[str, ...]
    tensors: Mapping[str, Tensor] = field(repr=False)
    base: str
    author: str = ""
    reason: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None
    request_digest: str | None = None


class VersionState(StrEnum):
    OK = "ok"
    UNPUBLISHED = "unpublished"
    """Usable, but its writer died before it answered anything."""
    FOREIGN = "foreign"
    """Of another archive that had the same name."""
    BROKEN = "broken"


@dataclass(frozen=True)
class VersionInfo:
    """`record` is None where the file is broken; `problem` says why a version cannot be used."""

    number: int
    state: VersionState
    record: VersionRecord | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Replay:
    """What an earlier request with the same idempotency key published."""

    number: int
    request_digest: str | None
    report: Mapping[str, Any]


class Pointer(BaseModel):
    """active.json. `published` are the versions that have answered at some time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[int, Field(ge=1)]
    base: str
    digest: str | None = None
    published: tuple[int, ...] = ()


class LabelStore:
    """The label versions of every model of a store. Safe from any thread and beside other processes."""

    def __init__(self, root: Path) -> None:
        self._root = root / FOLDER
        self._seen: dict[tuple[str, str], tuple[bytes, int]] = {}
        self.problems: dict[str, str] = {}
        """Why the version that a model's pointer names cannot be used, by model."""

    def active(self, model: str, base: str) -> int:
        """The version that answers for the archive `base`, 1 where there is none that can be used.

        Reads one small file, and the version itself only when that changes.
        """
        data = self._pointer_bytes(model)
        seen = self._seen.get((model, base))
        if seen and seen[0] == data:
            return seen[1]
        try:
            number = self._answering(model, base, data)
        except VersionUnusable as error:
            if self.problems.get(model) != error.detail:
                log.warning("label version refused", model=model, reason=error.detail)
            self.problems[model] = error.detail
            return ARCHIVE_VERSION
        self.problems.pop(model, None)
        self._seen[model, base] = (data, number)
        return number

    def versions(self, model: str, base: str) -> list[VersionInfo]:
        """All but version 1, the newest last."""
        published = self._published(model)
        return [self._info(model, number, base, published) for number in self._numbers(model)]

    def read(self, model: str, number: int, base: str) -> Version:
        """Raises UnknownVersion, and VersionUnusable for a version that is broken or of another archive."""
        version = self._read(model, number)
        if version.record.base != base:
            raise VersionUnusable(model, number, FOREIGN_REASON)
        return version

    def append(self, model: str, version: NewVersion, expected_active: int) -> int:
        """Publishes a version that extends `expected_active`, and gives its number.

        Raises StaleVersion where another version answers by now, StoreNotWritable, and ValueError where labels and
        tensors contradict each other.
        """
        with self._writing(model):
            self._expect(model, version.base, expected_active)
            numbers = [ARCHIVE_VERSION, *self._numbers(model), *self._published(model)]
            record = VersionRecord(
                model=model,
                number=max(numbers) + 1,
                labels=version.labels,
                base=version.base,
                parent=expected_active,
                created=datetime.now(UTC),
                author=version.author,
                reason=version.reason,
                idempotency_key=version.idempotency_key,
                request_digest=version.request_digest,
                report=dict(version.report),
            )
            new = written(record, version.tensors)
            write_durably(self._path(model, new.number), to_bytes(new))
            self._point(model, new.number, version.base, new.digest)
            return new.number

    def activate(self, model: str, number: int, base: str, expected_active: int | None = None) -> None:
        """From now on version `number` answers; 1 is the archive's own label set.

        Raises UnknownVersion, VersionUnusable, StaleVersion where another than `expected_active` answers by now, and
        StoreNotWritable.
        """
        with self._writing(model):
            if expected_active is not None:
                self._expect(model, base, expected_active)
            digest = None if number == ARCHIVE_VERSION else self.read(model, number, base).digest
            self._point(model, number, base, digest)

    def find_idempotent(self, model: str, key: str, base: str) -> Replay | None:
        """The newest version that a request with this idempotency key published."""
        published = self._published(model)
        for number in sorted(published, reverse=True):
            info = self._info(model, number, base, published)
            if info.state is VersionState.OK and info.record and info.record.idempotency_key == key:
                return Replay(number, info.record.request_digest, info.record.report)
        return None

    def _folder(self, model: str) -> Path:
        if not NAME.fullmatch(model):
            raise ValueError(f"{model!r} cannot be the name of a model")
        return self._root / model

    def _path(self, model: str, number: int) -> Path:
        return self._folder(model) / f"{number:06}.safetensors"

    def _numbers(self, model: str) -> list[int]:
        """Of all files that are named like a version, whatever they hold."""
        try:
            names = [path.name for path in self._folder(model).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = (VERSION_FILE.fullmatch(name) for name in names)
        return sorted(number for match in found if match and (number := int(match[1])) > ARCHIVE_VERSION)

    def _read(self, model: str, number: int) -> Version:
        path = self._path(model, number)
        try:
            version = from_bytes(read_plain_file(path, MAX_VERSION_BYTES))
        except FileNotFoundError as error:
            raise UnknownVersion(model, number, [ARCHIVE_VERSION, *self._numbers(model)]) from error
        except ValueError as error:
            raise VersionUnusable(model, number, f"Its file {error}.") from error
        except OSError as error:
            raise VersionUnusable(model, number, f"Its file cannot be read ({error.strerror}).") from error
        if (version.record.model, version.number) != (model, number):
            reason = f"Its file is version {version.number} of {version.record.model!r}, under another name."
            raise VersionUnusable(model, number, reason)
        return version

    def _info(self, model: str, number: int, base: str, published: tuple[int, ...]) -> VersionInfo:
        try:
            record = self._read(model, number).record
        except (VersionUnusable, UnknownVersion) as error:
            return VersionInfo(number, VersionState.BROKEN, problem=error.detail)
        if record.base != base:
            return VersionInfo(number, VersionState.FOREIGN, record, FOREIGN_REASON)
        return VersionInfo(number, VersionState.OK if number in published else VersionState.UNPUBLISHED, record)

    def _pointer_bytes(self, model: str) -> bytes:
        """Empty where there is none."""
        path = self._folder(model) / POINTER
        try:
            return read_plain_file(path, MAX_POINTER_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return b""
        except (OSError, ValueError):
            return UNREADABLE

    @staticmethod
    def _pointer(data: bytes) -> Pointer | None:
        try:
            return Pointer.model_validate_json(data)
        except ValidationError:
            return None

    def _published(self, model: str) -> tuple[int, ...]:
        pointer = self._pointer(self._pointer_bytes(model))
        return pointer.published if pointer else ()

    def _answering(self, model: str, base: str, data: bytes) -> int:
        """The version that a pointer of these bytes names. Raises VersionUnusable."""
        if not data:
            return ARCHIVE_VERSION
        pointer = self._pointer(data)
        if pointer is None:
            raise VersionUnusable(model, None, f"{POINTER} is damaged; activate a version to write it anew.")
        if pointer.base != base:
            raise VersionUnusable(model, pointer.version, FOREIGN_REASON)
        if pointer.version == ARCHIVE_VERSION:
            return ARCHIVE_VERSION
        try:
            version = self.read(model, pointer.version, base)
        except UnknownVersion as error:
            raise VersionUnusable(model, pointer.version, "Its file is gone.") from error
        if version.digest != pointer.digest:
            raise VersionUnusable(model, pointer.version, "Its file is not the one that was published.")
        return version.number

    def _expect(self, model: str, base: str, expected: int) -> None:
        try:
            found = self._answering(model, base, self._pointer_bytes(model))
        except VersionUnusable:
            found = ARCHIVE_VERSION
        if found != expected:
            raise StaleVersion(model, expected, found)

    def _point(self, model: str, number: int, base: str, digest: str | None) -> None:
        published = {*self._published(model), number} - {ARCHIVE_VERSION}
        pointer = Pointer(version=number, base=base, digest=digest, published=tuple(sorted(published)))
        write_durably(self._folder(model) / POINTER, pointer.model_dump_json().encode())

    @contextmanager
    def _writing(self, model: str) -> Iterator[None]:
        folder = self._folder(model)
        try:
            make_folder_durably(folder)
            with locked(folder / LOCK, LOCK_SECONDS):
                yield
        except TimeoutError as error:
            raise StoreNotWritable(f"{error}. Try again.") from error
        except OSError as error:
            raise StoreNotWritable(f"{error.strerror or type(error).__name__}.") from error


FOREIGN_REASON = "It belongs to another archive that had this name; its rows mean nothing to this one."
