"""Weights that run code, or take more memory than they bring."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.archive_limits import MiB
from tests.fault.archives import Hostile
from tests.unit.models.archives import WEIGHTS, members, packed, serialized

MARKER = "/tmp/vitrine-was-here"
TOUCH = f"touch {MARKER}"
NO_PLAIN_TENSORS = "opcode|names|plain tensors|one pickle|unpacks"


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def archive_of(weights: bytes | Callable[[], bytes]) -> Callable[[Path], Path]:
    return lambda path: packed(path, members(weights=weights if isinstance(weights, bytes) else weights()))


def zipped(pickled: bytes, *, method: int = zipfile.ZIP_STORED, **records: bytes) -> bytes:
    """What torch.save writes, around a pickle of one's own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr("archive/data.pkl", pickled)
        file.writestr("archive/version", b"3\n")
        file.writestr("archive/byteorder", b"little")
        for name, data in {"0": bytes(16), **records}.items():
            file.writestr(f"archive/data/{name}", data)
    return buffer.getvalue()


def string(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def legacy(pickled: bytes) -> bytes:
    """The format before torch 1.6: five pickles in a row."""
    head = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})
    return b"".join(pickle.dumps(one, 2) for one in head) + pickled + pickle.dumps([], 2)


def tensor(size: int, stride: int, storage_numbers: int = 4) -> bytes:
    """A pickled state dict of one tensor of `size` numbers over a storage of few."""
    long = b"\x8a\x08" + struct.pack("<q", size)
    return (
        b"\x80\x02}" + string("_classification_layer.bias") + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        + string("storage") + b"ctorch\nFloatStorage\n" + string("0") + string("cpu")
        + b"\x8a\x08" + struct.pack("<q", storage_numbers) + b"tQK\x00"
        + long + b"\x85" + b"K" + bytes([stride]) + b"\x85\x89ccollections\nOrderedDict\n)RtRs."
    )  # fmt: skip


PICKLES: dict[str, bytes] = {
    "reduce": pickle.dumps(Calls(__import__("os").system, TOUCH), 2),
    "reduce of a value": pickle.dumps({"weight": Calls(__import__("os").system, TOUCH)}, 2),
    "eval": pickle.dumps(Calls(eval, f"__import__('os').system('{TOUCH}')"), 2),
    "protocol 0": pickle.dumps(Calls(__import__("os").system, TOUCH), 0),
    "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    "inst": b"(S'" + TOUCH.encode() + b"'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'" + TOUCH.encode() + b"'\no.",
    "newobj": b"\x80\x02csubprocess\nPopen\n(" + string(TOUCH) + b"t\x81.",
    "newobj_ex": b"\x80\x04csubprocess\nPopen\n(" + string(TOUCH) + b"t}\x92.",
    "build calls setstate": b"\x80\x02cfunctools\npartial\ncos\nsystem\n\x85\x81(cos\nsystem\n(t}NtbR.",
    "build over a class": b"\x80\x02ccollections\nOrderedDict\n}" + string("__class__") + b"cos\nsystem\nsb.",
    "extension registry": b"\x80\x02\x82\x01.",
    "persistent id": b"P/etc/passwd\n.",
    "odd persistent id": b"\x80\x02(" + string("module") + string("os") + b"tQ.",
    "importing a name": b"\x80\x02cantigravity\nx\n.",
    "dotted name": b"\x80\x02ctorch\nos.system\n" + string(TOUCH) + b"\x85R.",
    "torch's own loader": b"\x80\x02ctorch\nload\n" + string("/tmp/other.pt") + b"\x85R.",
    "torch.hub": b"\x80\x02ctorch.hub\nload\n" + string("a/b") + string("c") + b"\x86R.",
    "bytearray bomb": b"\x80\x02cbuiltins\nbytearray\n\x8a\x06\x00\x00\x00\x00\x10\x00\x85R.",
    "bytearray bomb of old": b"\x80\x02c__builtin__\nbytearray\n\x8a\x06\x00\x00\x00\x00\x10\x00\x85R.",
    "sparse tensor bomb": b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n)R.",
    "meta tensor": b"\x80\x02ctorch._utils\n_rebuild_meta_tensor_no_storage\n)R.",
    "typed tensor": b"\x80\x02ctorch\nFloatTensor\n\x8a\x05\x00\x00\x00\x40\x00\x85R.",
    "billion laughs": b"\x80\x02]" + b"q\x00(h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00l" * 100_000 + b".",
    "deep": b"\x80\x02" + b"]" * 3_000_000 + b"a" * 2_999_999 + b".",
    "long of gigabytes": b"\x80\x02\x8b\xff\xff\xff\x7f",
    "text of exabytes": b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f",
    "bytes of gigabytes": b"\x80\x03B\xff\xff\xff\xffx",
    "frame of exabytes": b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f.",
    "memo of gigabytes": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "no pickle": bytes(range(256)),
    "nothing": b"",
    "a number": pickle.dumps(1, 2),
    "tuple keys": pickle.dumps({("a",): 1}, 2),
    "expanded tensor": tensor(1 << 40, 0),
    "tensor beyond its storage": tensor(1 << 20, 1),
    "storage beyond its record": tensor(1 << 20, 1, 1 << 20),
    "storage of exabytes": tensor(1 << 60, 1, 1 << 60),
    "negative storage": tensor(4, 1, -4),
}  # fmt: skip


def shared_many_times() -> bytes:
    numbers = torch.zeros(1 << 20)
    return serialized({f"tensor{number}": numbers[:] for number in range(2_000)})


def lying_zip() -> bytes:
    """Its directory says a few bytes; 64 MiB are deflated there."""
    data = bytearray(zipped(bytes(64 * MiB), method=zipfile.ZIP_DEFLATED))
    for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(magic)
        data[at + offset : at + offset + 4] = struct.pack("<I", 100)
    return bytes(data)


def torchscript() -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), buffer)
    return buffer.getvalue()


def safetensors(header: bytes, claimed: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if claimed is None else claimed) + header + bytes(16)


def weights(change: dict[str, Tensor]) -> Callable[[Path], Path]:
    return archive_of(serialized({**WEIGHTS, **change}))


def with_safetensors(data: bytes) -> Callable[[Path], Path]:
    files = {"model.safetensors" if name == "weights.th" else name: data_ for name, data_ in members().items()}
    return lambda path: packed(path, {**files, "model.safetensors": data})


BIAS = "_classification_layer.bias"
BIG = b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}'
SAME = b",".join(b'"t%d":{"dtype":"U8","shape":[16],"data_offsets":[0,16]}' % number for number in range(10_000))

WEIGHT_FILES: dict[str, Hostile] = {
    **{f"zip, {name}": Hostile(archive_of(zipped(data)), r"weights\.th") for name, data in PICKLES.items()},
    **{f"legacy, {name}": Hostile(archive_of(legacy(data)), r"weights\.th") for name, data in PICKLES.items()},
    **{f"bare, {name}": Hostile(archive_of(data), r"weights\.th") for name, data in PICKLES.items()},
    "deflated bomb": Hostile(archive_of(lambda: zipped(bytes(512 * MiB), method=zipfile.ZIP_DEFLATED)), "unpacks to"),
    "deflated": Hostile(archive_of(zipped(pickle.dumps({}), method=zipfile.ZIP_DEFLATED)), "compressed|unpacks"),
    "zip that lies about its sizes": Hostile(archive_of(lying_zip), "compressed|unpacks"),
    "zip cut short": Hostile(archive_of(serialized(WEIGHTS)[:-30]), "plain tensors"),
    "the same numbers many times": Hostile(archive_of(shared_many_times), "claims .* bytes"),
    "torchscript": Hostile(archive_of(torchscript), NO_PLAIN_TENSORS),
    "saved model": Hostile(archive_of(serialized(nn.Linear(2, 2))), NO_PLAIN_TENSORS),
    "NaN": Hostile(weights({BIAS: torch.tensor([0.0, float("nan")])}), "NaN or infinite"),
    "infinite": Hostile(weights({BIAS: torch.tensor([0.0, float("-inf")])}), "NaN or infinite"),
    "wrong shape": Hostile(weights({BIAS: torch.zeros(3)}), "3 instead of 2"),
    "wrong dimensions": Hostile(weights({BIAS: torch.zeros(1, 2)}), "1x2 instead of 2"),
    "whole numbers": Hostile(weights({BIAS: torch.zeros(2, dtype=torch.long)}), "int64 instead of"),
    "complex numbers": Hostile(weights({BIAS: torch.zeros(2, dtype=torch.complex64)}), "names|instead of"),
    "an extra tensor": Hostile(weights({"more": torch.zeros(1)}), "more is not part"),
    "safetensors of terabytes": Hostile(with_safetensors(safetensors(BIG)), "plain tensors"),
    "safetensors header of exabytes": Hostile(with_safetensors(safetensors(BIG, 1 << 62)), "plain tensors"),
    "safetensors over each other": Hostile(with_safetensors(safetensors(b"{%b}" % SAME)), "plain tensors"),
    "safetensors without JSON": Hostile(with_safetensors(safetensors(b"[" * 100_000)), "plain tensors"),
}
