"""A version of a label set as a file: a safetensors file of the head's rows, whose metadata says the rest.

Written once, never changed. The digest covers every byte that counts, so that a torn file is told from a whole one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import safetensors.torch
import torch
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from torch import Tensor

from models.weights import safetensors_metadata

RECORD, DIGEST = "vitrine.record", "vitrine.digest"

Label = Annotated[str, Field(min_length=1)]


class VersionRecord(BaseModel):
    """Everything about a version but its tensors. `parent` is the version that it extends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    model: str
    number: Annotated[int, Field(ge=2)]
    labels: Annotated[tuple[Label, ...], Field(min_length=1)]
    base: str
    """Checksum of the archive whose encoder the rows belong to."""
    parent: Annotated[int, Field(ge=1)]
    created: AwareDatetime
    author: str = ""
    reason: str = ""
    idempotency_key: str | None = None
    request_digest: str | None = None
    report: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """A version that can be used. `tensors` hold a row for each label: (num_labels, ...)."""

    record: VersionRecord
    tensors: Mapping[str, Tensor] = field(repr=False)
    digest: str

    @property
    def number(self) -> int:
        return self.record.number

    @property
    def labels(self) -> tuple[str, ...]:
        return self.record.labels


def written(record: VersionRecord, tensors: Mapping[str, Tensor]) -> Version:
    """The version of this record and these tensors. Raises ValueError where they contradict each other."""
    rows = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    _check(record, rows)
    return Version(record, rows, _digest(record.model_dump_json(), rows))


def to_bytes(version: Version) -> bytes:
    metadata = {RECORD: version.record.model_dump_json(), DIGEST: version.digest}
    return safetensors.torch.save(dict(version.tensors), metadata)


def from_bytes(data: bytes) -> Version:
    """Raises ValueError, saying what is wrong, for anything but the whole of what `to_bytes` gave."""
    try:
        tensors = safetensors.torch.load(data)
    except SafetensorError as error:
        raise ValueError("is torn or no safetensors file") from error
    metadata = safetensors_metadata(data)
    if not {RECORD, DIGEST} <= metadata.keys():
        raise ValueError("is no label version: its metadata has no record")
    if _digest(metadata[RECORD], tensors) != metadata[DIGEST]:
        raise ValueError("is damaged: its digest does not fit")
    try:
        record = VersionRecord.model_validate_json(metadata[RECORD])
    except ValidationError as error:
        raise ValueError("has a record of another format; a newer Vitrine may have written it") from error
    _check(record, tensors)
    return Version(record, tensors, metadata[DIGEST])


def _digest(record: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(record.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _check(record: VersionRecord, tensors: Mapping[str, Tensor]) -> None:
    if len(set(record.labels)) != len(record.labels):
        raise ValueError("names a label twice")
    if not tensors:
        raise ValueError("holds no tensors")
    for name, tensor in tensors.items():
        if tensor.dim() < 1 or tensor.size(0) != len(record.labels):
            raise ValueError(f"has {len(record.labels)} labels, but {name} is {tuple(tensor.shape)}")
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"holds NaN or infinite numbers in {name}")
