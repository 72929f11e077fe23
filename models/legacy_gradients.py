"""The gradients of torch 1.2 to 1.6, which AllenNLP 0.9 and biome.text 0.3 explained with.

Values are those of today's torch; slopes differ at two places that integrated gradients always visit, for they begin
where all embeddings are zero and all positions alike. A mode of torch: it holds for the calling thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

COSINE_EPSILON = 1e-8


class LegacyGradients(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is functional.cosine_similarity:
            return _cosine(*args, **(kwargs or {}))
        if func in (Tensor.max, torch.max) and _along_one_dimension(args, kwargs):
            return _max(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _cosine(left: Tensor, right: Tensor, dim: int = 1) -> Tensor:
    """The bound is on the product of the norms; today's is on each."""
    norms = (left * left).sum(dim) * (right * right).sum(dim)
    return (left * right).sum(dim) / norms.clamp_min(COSINE_EPSILON**2).sqrt()


def _along_one_dimension(args: tuple[Any, ...], kwargs: Mapping[str, Any] | None) -> bool:
    return "dim" in (kwargs or {}) or (len(args) > 1 and isinstance(args[1], int))


def _max(values: Tensor, dim: int, keepdim: bool = False) -> Any:
    """Of equal values the last has the slope; today it is the first."""
    place = values.size(dim) - 1 - values.detach().flip(dim).max(dim, keepdim=True)[1]
    highest = values.gather(dim, place)
    return torch.return_types.max((highest, place) if keepdim else (highest.squeeze(dim), place.squeeze(dim)))
