"""Embeddings of one's own in place of those that a model looks up, without a change to the model.

A mode of torch, which holds for the calling thread and the length of a `with` block: no hook stays on a module that
others use, and no other thread sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class EmbeddingLookup(TorchFunctionMode):
    """The first look-ups in `table` give these vectors, one tensor (batch, tokens, dim) each, in their order.

    Raises RuntimeError at the end of the block where the model looked up less often.
    """

    def __init__(self, table: Tensor, vectors: Sequence[Tensor]) -> None:
        super().__init__()
        self._table = table
        self._vectors = list(vectors)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if self._vectors and func is functional.embedding and args[1] is self._table:
            return self._vectors.pop(0)
        return func(*args, **(kwargs or {}))

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        super().__exit__(kind, error, trace)
        if kind is None and self._vectors:
            raise RuntimeError("the model reads its inputs without looking up their embeddings")
