"""How large a model a configuration may ask for: none larger than the weights beside it.

Sizes in a configuration are claims. They are believed only as far as the weights bear them out, before anything of
that size is made: `check_claims` looks at the numbers, `BuildBudget` at what is made while a model is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import get_ident
from typing import Any

from torch import Tensor
from torch.nn.modules.module import register_module_module_registration_hook
from torch.utils._python_dispatch import TorchDispatchMode

from models.archive import Archive
from models.archive_limits import CONFIG, VOCABULARY, MiB, shown
from models.errors import UnsafeArchive

ANY_SIZE = 1 << 20
"""Numbers up to here cost nothing by themselves."""
NO_SIZES = ("rope_theta", "seed")
"""Numbers of these names measure nothing that is made."""
MOST_PADDING = 10_000
"""Tokens or characters that a text may have to be padded to."""

SPARE_BYTES = 64 * MiB
COPIES = 4
"""Of the weights' bytes, that building may allocate: the weights, what initializes them, constants beside them."""
SPARE_PARTS = 10_000
"""Tensors, and modules in others, beyond those that the weights account for."""


def check_claims(archive: Archive) -> None:
    """Raises UnsafeArchive for sizes that the weights do not bear out."""
    largest = _largest_dimension(archive.weights)
    for section in ("model", "dataset_reader") if "model" in archive.config else archive.config:
        for path, name, number in _numbers(section, section, archive.config.get(section)):
            if number > max(largest, ANY_SIZE) and name not in NO_SIZES:
                reason = f"{shown(path)} is {number}; the largest dimension of the weights is {largest}"
                raise UnsafeArchive(archive.name, CONFIG, reason)
            if "min_padding_length" in name and number > MOST_PADDING:
                raise UnsafeArchive(
                    archive.name, CONFIG, f"{shown(path)} is {number}; at most {MOST_PADDING} is padded"
                )
            if name == "num_labels" and number > largest:
                raise UnsafeArchive(archive.name, CONFIG, f"claims {number} labels; the weights have fewer rows")
    for file, text in archive.vocabulary.items():
        lines = text.count("\n")
        if lines > max(largest, ANY_SIZE):
            reason = f"holds {lines} entries; the largest dimension of the weights is {largest}"
            raise UnsafeArchive(archive.name, f"{VOCABULARY}/{shown(file)}", reason)


def _largest_dimension(weights: Mapping[str, Tensor]) -> int:
    return max((max(tensor.shape, default=1) for tensor in weights.values()), default=1)


def _numbers(path: str, name: str, node: Any) -> Iterator[tuple[str, str, int]]:
    """Each whole number with where it stands and its name."""
    if isinstance(node, dict):
        for key, child in node.items():
            yield from _numbers(f"{path}.{key}", key, child)
    elif isinstance(node, list):
        for child in node:
            yield from _numbers(path, name, child)
    elif isinstance(node, int):
        yield path, name, node


class BuildBudget(TorchDispatchMode):
    """In this block no more is made than the archive's weights account for. Raises UnsafeArchive."""

    def __init__(self, archive: Archive) -> None:
        super().__init__()
        self._name = archive.name
        self._bytes = COPIES * sum(tensor.nbytes for tensor in archive.weights.values()) + SPARE_BYTES
        self._tensors = self._modules = COPIES * len(archive.weights) + SPARE_PARTS

    def __enter__(self) -> BuildBudget:
        self._thread = get_ident()
        self._hook = register_module_module_registration_hook(self._take_module)
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._hook.remove()
        super().__exit__(*error)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        numbers = NUMBERS_MADE.get(func.overloadpacket.__name__)
        if numbers is not None:
            self._take(numbers(*args))
        return func(*args, **(kwargs or {}))

    def _take(self, numbers: int) -> None:
        self._bytes -= BYTES_OF_A_NUMBER * numbers
        self._tensors -= 1
        self._check()

    def _take_module(self, *_: Any) -> None:
        if get_ident() == self._thread:  # torch tells of every thread's
            self._modules -= 1
            self._check()

    def _check(self) -> None:
        if min(self._bytes, self._tensors, self._modules) < 0:
            raise UnsafeArchive(self._name, CONFIG, "describes a model that is larger than the weights beside it")


BYTES_OF_A_NUMBER = 4
Made = Callable[..., int]


def _of_size(size: Sequence[int], *_: Any) -> int:
    return math.prod(size)


def _like(tensor: Tensor, size: Sequence[int], *_: Any) -> int:
    return math.prod(size)


def _to_number(*ends: float) -> int:
    return int(max(map(abs, ends)))


NUMBERS_MADE: Mapping[str, Made] = {
    **dict.fromkeys(("empty", "empty_strided", "zeros", "ones", "full", "rand", "randn"), _of_size),
    **dict.fromkeys(("new_empty", "new_empty_strided", "new_zeros", "new_ones", "new_full", "resize_"), _like),
    "arange": _to_number,
    "eye": lambda rows, columns=None: rows * (columns or rows),
    "repeat": lambda tensor, times: tensor.numel() * math.prod(times),
}
"""Operations that make tensors of any size out of nothing: how many numbers, from their arguments."""
