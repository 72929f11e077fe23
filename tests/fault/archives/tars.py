"""Tar files and folders that reach out of themselves, or are larger than they look."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

from models.archive_limits import GiB, MiB
from tests.fault.archives import Hostile
from tests.unit.models.archives import members, packed

ZEROS = zlib.compressobj(9, wbits=31)
ZEROS_PACKED = ZEROS.compress(bytes(64 * MiB)) + ZEROS.flush()
"""A gzip member of 64 MiB; a gzip file may hold any number of them in a row."""

AddMember = Callable[[tarfile.TarFile], None]


def with_member(name: str, *, kind: bytes = tarfile.REGTYPE, target: str = "", **pax: str) -> AddMember:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.pax_headers = kind, target, pax
        if kind == tarfile.REGTYPE:
            info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))

    return add


def reaching(add: AddMember, reason: str = "points outside|plain files only") -> Hostile:
    return Hostile(lambda path: packed(path, members(), add), reason)


def through_a_linked_folder(tar: tarfile.TarFile) -> None:
    with_member("vocabulary", kind=tarfile.SYMTYPE, target="/var")(tar)
    with_member("vocabulary/escaped.txt")(tar)


def bomb(size: int, copies: int, name: str = "weights.th") -> Callable[[Path], Path]:
    """A member of `size` zeros, of which `copies` x 64 MiB are there."""

    def build(path: Path) -> Path:
        header = tarfile.TarInfo(name)
        header.size = size
        with path.open("wb") as file:
            file.write(gzip.compress(header.tobuf(tarfile.GNU_FORMAT), 1))
            for _ in range(copies):
                file.write(ZEROS_PACKED)
        return path

    return build


def a_million_members(path: Path) -> Path:
    thousand = io.BytesIO()
    with tarfile.open(fileobj=thousand, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for number in range(1_000):
            tar.addfile(tarfile.TarInfo(f"vocabulary/{number}.txt"))
        end = tar.offset
    block = gzip.compress(thousand.getvalue()[:end], 9)
    path.write_bytes(block * 1_000)
    return path


def endless_headers(path: Path) -> Path:
    """Long-name headers one after the other, none of which a member follows."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 100
    block = header.tobuf(tarfile.GNU_FORMAT) + b"a" * 100 + bytes(412)
    path.write_bytes(gzip.compress(block * 1_000, 9) * 500)
    return path


def negative_size(path: Path) -> Path:
    header = bytearray(tarfile.TarInfo("weights.th").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 12
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:512]))
    path.write_bytes(gzip.compress(bytes(header)))
    return path


def sparse(path: Path) -> Path:
    header = tarfile.TarInfo("weights.th")
    header.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.size": str(1 << 50), "GNU.sparse.map": "0,0"}
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(header, io.BytesIO())
    return path


def folder_of_links(path: Path) -> Path:
    folder = path.with_name(path.name.removesuffix(".tar.gz"))
    (folder / "vocabulary").mkdir(parents=True)
    for name, data in members().items():
        (folder / name).write_bytes(data)
    (folder / "vocabulary" / "labels.txt").unlink()
    (folder / "vocabulary" / "labels.txt").symlink_to("/etc/passwd")
    return folder


def large_configuration_in_a_folder(path: Path) -> Path:
    files = {f"bert/{name}": data for name, data in members(config=b'{"a": "' + b" " * (2 * MiB) + b'"}').items()}
    return packed(path, files)


TARS: dict[str, Hostile] = {
    "up": reaching(with_member("../escaped")),
    "up later": reaching(with_member("vocabulary/../../escaped")),
    "absolute": reaching(with_member("/escaped")),
    "backslash": reaching(with_member("..\\escaped")),
    "up in a pax header": reaching(with_member("fine", path="../escaped")),
    "symlink": reaching(with_member("weights.th", kind=tarfile.SYMTYPE, target="/etc/passwd")),
    "relative symlink": reaching(with_member("weights.th", kind=tarfile.SYMTYPE, target="../../etc/passwd")),
    "hard link": reaching(with_member("weights.th", kind=tarfile.LNKTYPE, target="/etc/passwd")),
    "linked folder": reaching(through_a_linked_folder),
    "character device": reaching(with_member("weights.th", kind=tarfile.CHRTYPE)),
    "block device": reaching(with_member("weights.th", kind=tarfile.BLKTYPE)),
    "pipe": reaching(with_member("weights.th", kind=tarfile.FIFOTYPE)),
    "sparse": Hostile(sparse, "sparse|plain files|more than the limits"),
    "tar bomb of 10 GiB": Hostile(bomb(10 * GiB, 160), "more than the limits allow"),
    "tar bomb in another member": Hostile(bomb(10 * GiB, 160, "notes.bin"), "more than the limits allow"),
    "tar bomb that claims 8 EiB": Hostile(bomb((1 << 63) - 1, 1), "more than the limits allow"),
    "a million members": Hostile(a_million_members, "more than 1000 members"),
    "endless headers": Hostile(endless_headers, "larger than any honest one|not a complete tar|members"),
    "negative size": Hostile(negative_size, "more than the limits|not a complete tar"),
    "folder of links": Hostile(folder_of_links, "leads out of the folder"),
    "large configuration in a folder": Hostile(large_configuration_in_a_folder, "the limit is"),
}
