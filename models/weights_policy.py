"""What a weights file may hold: plain tensors, no more of them than the file has numbers for.

A pickle is a program. `torch.load(weights_only=True)` runs a small one, which still can allocate what it likes from a
few bytes (`bytearray(1 << 40)`, a tensor of a million million zeros that share one number). So the opcodes and the
names are read first, without running any, and only what torch.save writes for a state dict is let through.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from models.archive_limits import ArchiveLimits, MiB, shown
from models.errors import BrokenArchive, UnsafeArchive

ZIP_MAGIC = b"PK\x03\x04"
PICKLE_BYTES = 4 * MiB
"""A state dict of ten thousand tensors is pickled in less; the numbers lie beside the pickle."""
LEGACY_PICKLES = 5
"""torch before 1.6: magic number, protocol, system, the state dict, the keys of its storages; then the numbers."""
MOST_SHARING = 4
"""How many times over tensors may name the same numbers; tied weights name some twice."""

PLAIN_OPCODES = frozenset(
    [
        *("PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"),
        *("EMPTY_DICT", "SETITEM", "SETITEMS", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
        *("GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
    ]
)
PLAIN_NAMES = frozenset(
    [
        "collections OrderedDict",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        *(
            f"torch {kind}Storage"
            for kind in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
        ),
    ]
)


def check_pickle(name: str, member: str, data: bytes, limits: ArchiveLimits) -> None:
    """Refuses weights that do anything but list tensors. Raises UnsafeArchive; torch itself tells of damage."""
    if data.startswith(ZIP_MAGIC):
        _check_opcodes(name, member, _pickle_of_zip(name, member, data, limits), pickles=1)
    else:
        _check_opcodes(name, member, data[:PICKLE_BYTES], pickles=LEGACY_PICKLES)


def _pickle_of_zip(name: str, member: str, data: bytes, limits: ArchiveLimits) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        entries = packed.infolist()
        unpacked = sum(entry.file_size for entry in entries)
        if unpacked > len(data) or unpacked > limits.unpacked_bytes:
            raise UnsafeArchive(name, member, f"is {len(data)} bytes and unpacks to {unpacked}")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise UnsafeArchive(name, member, "is compressed once more; torch.save writes its numbers as they are")
        pickles = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
        if len(pickles) != 1 or pickles[0].file_size > PICKLE_BYTES:
            raise UnsafeArchive(name, member, "does not hold one pickle of a state dict")
        return packed.read(pickles[0])


def _check_opcodes(name: str, member: str, data: bytes, pickles: int) -> None:
    source = io.BytesIO(data)
    for _ in range(pickles):
        for opcode, argument, _place in pickletools.genops(source):
            if opcode.name not in PLAIN_OPCODES:
                raise UnsafeArchive(name, member, f"uses the pickle opcode {opcode.name}, which no state dict needs")
            if opcode.name == "GLOBAL" and argument not in PLAIN_NAMES:
                named = shown(str(argument).replace(" ", "."))
                raise UnsafeArchive(name, member, f"names {named}, which is no part of a state dict of plain tensors")


def check_state(name: str, member: str, state: Any) -> dict[str, Tensor]:
    """The state dict, where that is what was loaded. Raises BrokenArchive and UnsafeArchive."""
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise BrokenArchive(name, member, "is not a state dict (names to tensors)")
    if not all(isinstance(key, str) for key in state):
        raise BrokenArchive(name, member, "names a tensor by something else than text")
    for key, tensor in state.items():
        if tensor.layout is not torch.strided or tensor.device.type != "cpu":
            raise BrokenArchive(name, member, f"{shown(key)} is no plain tensor")
        if tensor.nbytes > tensor.untyped_storage().nbytes():
            raise UnsafeArchive(name, member, f"{shown(key)} claims {tensor.numel()} numbers and has fewer")
    _check_sharing(name, member, state)
    for key, tensor in state.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise BrokenArchive(name, member, f"{shown(key)} holds NaN or infinite numbers")
    return dict(state)


def _check_sharing(name: str, member: str, state: Mapping[str, Tensor]) -> None:
    held = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in state.values()}
    claimed = sum(tensor.nbytes for tensor in state.values())
    if claimed > MOST_SHARING * sum(held.values()):
        raise UnsafeArchive(name, member, f"claims {claimed} bytes of numbers and holds {sum(held.values())}")
