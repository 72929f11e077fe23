"""The highest products and their slopes are those of torch's `max` over all of them."""

import pytest
import torch
from torch import Tensor

from models.highest_product import HighestProduct

FAR = -1e30


def by_torch(vectors: Tensor, factors: Tensor, away: Tensor) -> Tensor:
    # (..., length, others, dim) -> (..., length, dim)
    products = vectors.unsqueeze(-3) * factors.unsqueeze(-1) + away.unsqueeze(-1)
    return products.max(dim=-2)[0]


def numbers(kind: str, *shape: int) -> Tensor:
    torch.manual_seed(sum(shape))
    found = torch.randn(shape) if kind == "any" else torch.randint(-1, 2, shape).float()
    return found.requires_grad_()


@pytest.mark.parametrize("kind", ["any", "many equal"])
@pytest.mark.parametrize("others", [1, 5])
def test_they_are_torchs(kind: str, others: int) -> None:
    vectors, factors = numbers(kind, 2, 3, others, 7), numbers(kind, 2, 3, 4, others)
    away = torch.zeros(2, 3, 1, others)
    away[0, 1, 0, 1:] = FAR
    slopes = torch.arange(2 * 3 * 4 * 7.0).view(2, 3, 4, 7)
    found = []
    for function in (by_torch, HighestProduct.apply):
        highest = function(vectors, factors, away)
        found.append((highest, *torch.autograd.grad(highest, [vectors, factors], slopes)))
    for own, torchs in zip(*found, strict=True):
        torch.testing.assert_close(own, torchs, atol=1e-5, rtol=1e-5)


def test_what_is_no_number_stays_none() -> None:
    vectors, factors, away = torch.randn(1, 3, 2), torch.randn(1, 2, 3), torch.zeros(1, 1, 3)
    vectors[0, 1, 0] = torch.nan
    assert HighestProduct.apply(vectors, factors, away)[..., 0].isnan().all()
