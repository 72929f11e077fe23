"""How objects get to the process that has the device: pickled, their weights in memory that both processes map."""

from __future__ import annotations

import io
import mmap
import os
import pickle
from collections.abc import Callable, Sequence
from copyreg import dispatch_table
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

PROTOCOL = pickle.HIGHEST_PROTOCOL
ALIGNED = 64
"""Bytes: where vector instructions like tensors to begin."""


def dumped(message: Any) -> bytes:
    """What comes and goes with a batch. Tensors are sent as arrays: torch's own way takes longer, and sends all of
    what a row is a view of."""
    file = io.BytesIO()
    pickler = pickle.Pickler(file, PROTOCOL)
    pickler.dispatch_table = _TABLE
    pickler.dump(message)
    return file.getvalue()


def _reduced(tensor: Tensor) -> tuple[Any, ...]:
    return torch.from_numpy, (tensor.detach().numpy(),)


_TABLE = {**dispatch_table, Tensor: _reduced}


class Place(NamedTuple):
    """Where the memory of a tensor begins, in bytes, and how the tensor lies in it, in elements."""

    begin: int
    bytes: int
    dtype: torch.dtype
    first: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    parameter: bool

    def tensor(self, memory: mmap.mmap | None) -> Tensor:
        if memory is None or not self.bytes:
            return torch.empty(self.shape, dtype=self.dtype)
        count = self.bytes // self.dtype.itemsize
        storage = torch.frombuffer(memory, dtype=self.dtype, count=count, offset=self.begin)
        return storage.as_strided(self.shape, self.stride, self.first)


class Handed(NamedTuple):
    """An object without its tensors, and where those lie in a file that has no name but a descriptor; None where there
    are none."""

    pickled: bytes
    places: Sequence[Place]
    file: int | None


def hand_over(one: Any, number_of: Callable[[Any], int | None]) -> Handed:
    """The object, whose tensors move to memory that can be shared; `number_of` what was handed over before.

    Whoever calls it closes the file. Raises what pickle raises for what it cannot take.
    """
    written = io.BytesIO()
    pickler = _Pickler(written, number_of)
    pickler.dump(one)
    places, size = _places(pickler.tensors)
    if not size:
        return Handed(written.getvalue(), places, None)
    file = os.memfd_create("weights")
    os.ftruncate(file, size)
    memory = mmap.mmap(file, 0)
    for tensor, place in zip(pickler.tensors, places, strict=True):
        if place.bytes:
            _copy(tensor, place, memory)
            tensor.data = place.tensor(memory)
    return Handed(written.getvalue(), places, file)


def take_over(pickled: bytes, places: Sequence[Place], file: int | None, numbered: Callable[[int], Any]) -> Any:
    """What was handed over; `numbered` gives what was before."""
    memory = mmap.mmap(file, 0) if file is not None else None
    tensors = [place.tensor(memory) for place in places]
    shared = [
        nn.Parameter(tensor, requires_grad=False) if place.parameter else tensor
        for tensor, place in zip(tensors, places, strict=True)
    ]
    return _Unpickler(io.BytesIO(pickled), shared, numbered).load()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, number_of: Callable[[Any], int | None]) -> None:
        super().__init__(file, PROTOCOL)
        self.tensors: list[Tensor] = []
        self._index: dict[int, int] = {}
        self._number_of = number_of

    def persistent_id(self, one: Any) -> tuple[bool, int] | None:
        if isinstance(one, Tensor):
            if id(one) not in self._index:
                self._index[id(one)] = len(self.tensors)
                self.tensors.append(one)
            return True, self._index[id(one)]
        number = self._number_of(one)
        return None if number is None else (False, number)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, tensors: Sequence[Tensor], numbered: Callable[[int], Any]) -> None:
        super().__init__(file)
        self._tensors = tensors
        self._numbered = numbered

    def persistent_load(self, key: tuple[bool, int]) -> Any:
        is_tensor, number = key
        return self._tensors[number] if is_tensor else self._numbered(number)


def _places(tensors: Sequence[Tensor]) -> tuple[list[Place], int]:
    """Where each of them goes, those that share memory to the same one; and the bytes of all."""
    begins: dict[int, int] = {}
    places, size = [], 0
    for tensor in tensors:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in begins:
            begins[storage.data_ptr()] = size
            size += -(-storage.nbytes() // ALIGNED) * ALIGNED
        begin, first = begins[storage.data_ptr()], int(tensor.storage_offset())
        of_a_model = isinstance(tensor, nn.Parameter)
        places.append(
            Place(begin, storage.nbytes(), tensor.dtype, first, tuple(tensor.shape), tensor.stride(), of_a_model)
        )
    return places, size


def _copy(tensor: Tensor, place: Place, memory: mmap.mmap) -> None:
    """All of its memory, of which it may be a part."""
    bytes_of_it = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())
    torch.frombuffer(memory, dtype=torch.uint8, count=place.bytes, offset=place.begin).copy_(bytes_of_it)
