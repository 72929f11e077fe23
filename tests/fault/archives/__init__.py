"""Archives that would do harm, each with what its refusal must say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.archive_limits import ArchiveLimits, MiB

LIMITS = ArchiveLimits(
    packed_bytes=64 * MiB,
    unpacked_bytes=128 * MiB,
    config_bytes=MiB,
    vocabulary_bytes=32 * MiB,
    members=1_000,
    ratio_floor_bytes=128 * MiB,
)
"""What the suite opens them under."""


@dataclass(frozen=True)
class Hostile:
    """`build` writes the archive to a path and gives back where it is; `reason` is a pattern of the refusal."""

    build: Callable[[Path], Path]
    reason: str
