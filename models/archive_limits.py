"""How much one archive may hold: limits that are kept while it is read, whatever its headers say."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from models.errors import UnsafeArchive

CONFIG = "config.json"
META = "meta.json"
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

MiB = 1 << 20
GiB = 1 << 30
HEADER_BYTES = MiB
"""What one tar header with its extensions (long names, pax records) may take."""


@dataclass(frozen=True)
class ArchiveLimits:
    """Upper bounds on what is read from one archive. The defaults leave room for a BERT-large with a margin."""

    packed_bytes: int = 8 * GiB
    unpacked_bytes: int = 16 * GiB
    config_bytes: int = 4 * MiB
    vocabulary_bytes: int = 512 * MiB
    """Vocabulary and tokenizer files together."""
    members: int = 10_000
    ratio: int = 200
    """Unpacked over packed size, looked at only beyond `ratio_floor_bytes`."""
    ratio_floor_bytes: int = 256 * MiB


DEFAULT_LIMITS = ArchiveLimits()


def shown(member: str) -> str:
    """A member's name as a message may show it."""
    return ascii(member[:120])[1:-1]


class Budget:
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
        path = PurePosixPath(member)
        if path.parent.name == VOCABULARY or path.name in TOKENIZER_FILES:
            self._vocabulary_bytes -= size
        if self._members < 0:
            raise UnsafeArchive(self._name, None, f"holds more than {self._limits.members} members")
        if path.name in {CONFIG, META} and size > self._limits.config_bytes:
            raise UnsafeArchive(self._name, shown(member), f"is {size} bytes; the limit is {self._limits.config_bytes}")
        if self._vocabulary_bytes < 0:
            limit = self._limits.vocabulary_bytes
            raise UnsafeArchive(self._name, shown(member), f"takes the vocabulary beyond {limit} bytes")
        if self._bytes < 0 or size < 0:
            reason = f"unpacks to more than the limits allow ({self._limits.unpacked_bytes} bytes, "
            raise UnsafeArchive(self._name, shown(member), f"{reason}{self._limits.ratio} times the packed size)")


class BoundedReader(io.RawIOBase):
    """Passes reads through until the bytes last allowed are used up: a header cannot ask for more than a header."""

    def __init__(self, source: Any, name: str) -> None:
        self._source = source
        self._name = name
        self.allow(HEADER_BYTES)

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
