"""What each position of a text sees of the other text: the sum of its vectors and the highest of each dimension, both
weighted by how alike the positions are, without room for all products.

The slope of the highest is the first's of those that rounding alone tells apart, as in models/highest.py. torch's `max`
also keeps a place for each number, which it looks for without vector instructions; here products are compared with the
highest once more on the way back.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from models.highest import ROUNDING
from models.scripted import scripted


class Attended(Function):
    """As `attended`, with slopes."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, factors: Tensor, away: Tensor) -> tuple[Tensor, Tensor]:
        sums, most = _attended(vectors, factors, away)
        ctx.save_for_backward(vectors, factors, away, most)
        return sums, most

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_sums: Tensor, of_most: Tensor) -> tuple[Tensor, Tensor, None]:
        return *_slopes(of_sums, of_most, *ctx.saved_tensors), None


def _multiply(vectors: Tensor, factors: Tensor, other: int, products: Tensor) -> None:
    """Fills (..., dim, length, rows)."""
    torch.mul(vectors.narrow(-2, other, 1), factors.select(-2, other).unsqueeze(-3), out=products)


def attended(vectors: Tensor, factors: Tensor, away: Tensor) -> tuple[Tensor, Tensor]:
    """Over the others: (..., dim, others, rows), (..., length, others, rows) -> the sums and the highest of their
    products, twice (..., dim, length, rows). To the latter `away` (..., others, rows) is added before."""
    sums = vectors.narrow(-2, 0, 1) * factors.select(-2, 0).unsqueeze(-3)
    most = sums + away.select(-2, 0).unsqueeze(-2).unsqueeze(-2)
    products = torch.empty_like(sums)
    for other in range(1, vectors.size(-2)):
        _multiply(vectors, factors, other, products)
        sums += products
        products += away.select(-2, other).unsqueeze(-2).unsqueeze(-2)
        torch.maximum(most, products, out=most)
    return sums, most


_attended = scripted(attended)


@scripted
def _slopes(
    of_sums: Tensor,
    of_most: Tensor,
    vectors: Tensor,
    factors: Tensor,
    away: Tensor,
    most: Tensor,
    rounding: float = ROUNDING,
) -> tuple[Tensor, Tensor]:
    left, own, room = of_most.clone(), torch.empty_like(most), torch.empty_like(most)
    to_vectors, to_factors = torch.empty_like(vectors), torch.empty_like(factors)
    slack = vectors.abs() * rounding + away.unsqueeze(-3)  # (..., dim, others, rows)
    for other in range(vectors.size(-2)):
        _multiply(vectors, factors, other, own)
        own += slack.narrow(-2, other, 1)
        torch.ge(own, most, out=own)
        own *= left
        left -= own
        own += of_sums
        torch.mul(own, factors.select(-2, other).unsqueeze(-3), out=room)
        torch.sum(room, dim=[-2], out=to_vectors.select(-2, other))
        torch.mul(own, vectors.narrow(-2, other, 1), out=room)
        torch.sum(room, dim=[-3], out=to_factors.select(-2, other))
    return to_vectors, to_factors
