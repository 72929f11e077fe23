"""The highest of products along a dimension, without room for all of them.

The first of equals has the slope, as in torch's `max`. That keeps a place for each, which it looks for without vector
instructions; here products are compared with the highest once more on the way back.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from models.scripted import scripted


class HighestProduct(Function):
    """As `highest_product`, with slopes."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, factors: Tensor, away: Tensor) -> Tensor:
        highest = _highest_product(vectors, factors, away)
        ctx.save_for_backward(vectors, factors, away, highest)
        return highest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, Tensor, None]:
        return *_slopes_of_factors(slopes, *ctx.saved_tensors), None


def _multiply(vectors: Tensor, factors: Tensor, away: Tensor, other: int, products: Tensor) -> None:
    """Fills (..., length, dim)."""
    torch.mul(vectors.narrow(-2, other, 1), factors.narrow(-1, other, 1), out=products)
    products += away.narrow(-1, other, 1)


def highest_product(vectors: Tensor, factors: Tensor, away: Tensor) -> Tensor:
    """Of each dimension, over the others: (..., others, dim), (..., length, others) -> (..., length, dim). To their
    products `away` (..., 1, others) is added."""
    highest = torch.empty(factors.shape[:-1] + vectors.shape[-1:], dtype=vectors.dtype, device=vectors.device)
    _multiply(vectors, factors, away, 0, highest)
    products = torch.empty_like(highest)
    for other in range(1, vectors.size(-2)):
        _multiply(vectors, factors, away, other, products)
        torch.maximum(highest, products, out=highest)
    return highest


_highest_product = scripted(highest_product)


@scripted
def _slopes_of_factors(
    slopes: Tensor, vectors: Tensor, factors: Tensor, away: Tensor, highest: Tensor
) -> tuple[Tensor, Tensor]:
    left, own, room = slopes.clone(), torch.empty_like(slopes), torch.empty_like(slopes)
    to_vectors, to_factors = torch.empty_like(vectors), torch.empty_like(factors)
    for other in range(vectors.size(-2)):
        _multiply(vectors, factors, away, other, own)
        torch.eq(own, highest, out=own)
        own *= left
        left -= own
        torch.mul(own, factors.narrow(-1, other, 1), out=room)
        torch.sum(room, dim=[-2], keepdim=True, out=to_vectors.narrow(-2, other, 1))
        torch.mul(own, vectors.narrow(-2, other, 1), out=room)
        torch.sum(room, dim=[-1], keepdim=True, out=to_factors.narrow(-1, other, 1))
    return to_vectors, to_factors
