"""The highest along a dimension, and the highest of products without room for all of them.

Its slope is the first's of those that rounding alone tells apart. Two words that are the same are matched equally well,
up to rounding, which is another in each size of batch; torch's `max` gives the slope to either, as it comes. It also
keeps a place for each number, which it looks for without vector instructions; here products are compared with the
highest once more on the way back.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from models.scripted import scripted

ROUNDING = 1e-6
"""What sums in float32 may be off by, as a share of their terms."""


def highest(values: Tensor, dim: int, rounding: float = ROUNDING) -> Tensor:
    """As `amax`, for terms around 1; with slopes where values have them. What is no number stays none."""
    most = values.amax(dim, keepdim=True)
    if not values.requires_grad:
        return most.squeeze(dim)
    as_high = values >= most - rounding * most.abs().clamp(min=1.0)
    found = values.gather(dim, as_high.max(dim, keepdim=True)[1])
    return torch.where(most.isnan(), most, found).squeeze(dim)


class HighestProduct(Function):
    """As `highest_product`, with slopes."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, factors: Tensor, away: Tensor) -> Tensor:
        most = _highest_product(vectors, factors, away)
        ctx.save_for_backward(vectors, factors, away, most)
        return most

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
    most = torch.empty(factors.shape[:-1] + vectors.shape[-1:], dtype=vectors.dtype, device=vectors.device)
    _multiply(vectors, factors, away, 0, most)
    products = torch.empty_like(most)
    for other in range(1, vectors.size(-2)):
        _multiply(vectors, factors, away, other, products)
        torch.maximum(most, products, out=most)
    return most


_highest_product = scripted(highest_product)


@scripted
def _slopes_of_factors(
    slopes: Tensor, vectors: Tensor, factors: Tensor, away: Tensor, most: Tensor, rounding: float = ROUNDING
) -> tuple[Tensor, Tensor]:
    left, own, room = slopes.clone(), torch.empty_like(slopes), torch.empty_like(slopes)
    to_vectors, to_factors = torch.empty_like(vectors), torch.empty_like(factors)
    slack = vectors.abs() * rounding
    for other in range(vectors.size(-2)):
        _multiply(vectors, factors, away, other, own)
        own += slack.narrow(-2, other, 1)
        torch.ge(own, most, out=own)
        own *= left
        left -= own
        torch.mul(own, factors.narrow(-1, other, 1), out=room)
        torch.sum(room, dim=[-2], keepdim=True, out=to_vectors.narrow(-2, other, 1))
        torch.mul(own, vectors.narrow(-2, other, 1), out=room)
        torch.sum(room, dim=[-1], keepdim=True, out=to_factors.narrow(-1, other, 1))
    return to_vectors, to_factors
