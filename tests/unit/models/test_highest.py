"""The highest of values and products are those of torch's `max`, and so are slopes, but where rounding would decide."""

import math

import pytest
import torch
from torch import Tensor

from models.highest import HighestProduct, highest

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


@pytest.mark.parametrize("wanted", [False, True])
def test_a_maximum_that_is_no_number_stays_none(wanted: bool) -> None:
    values = torch.tensor([[1.0, torch.nan, 2.0], [1.0, 3.0, 2.0]], requires_grad=wanted)
    first, second = highest(values, 1).tolist()
    assert math.isnan(first)
    assert second == 3.0


def test_what_is_no_number_stays_none() -> None:
    vectors, factors, away = torch.randn(1, 3, 2), torch.randn(1, 2, 3), torch.zeros(1, 1, 3)
    vectors[0, 1, 0] = torch.nan
    assert HighestProduct.apply(vectors, factors, away)[..., 0].isnan().all()


ROUNDED = 2**-23
"""What 1 and the next number in float32 are apart."""


@pytest.mark.parametrize("more", [-ROUNDED, 0.0, ROUNDED])
def test_of_those_that_rounding_tells_apart_the_first_has_the_slope(more: float) -> None:
    values = torch.tensor([[0.5, 1.0, 1.0 + more, -3.0]], requires_grad=True)
    assert torch.autograd.grad(highest(values, 1).sum(), values)[0].tolist() == [[0, 1, 0, 0]]


@pytest.mark.parametrize("more", [-ROUNDED, 0.0, ROUNDED])
def test_of_products_too(more: float) -> None:
    vectors = torch.tensor([[-2.0], [2.0], [2.0]], requires_grad=True)  # (others, dim)
    factors = torch.tensor([[0.5, 1.0, 1.0 + more]], requires_grad=True)  # (length, others)
    found = HighestProduct.apply(vectors, factors, torch.zeros(1, 3))
    slopes = torch.autograd.grad(found.sum(), [vectors, factors])
    assert [one.flatten().tolist() for one in slopes] == [[0, 1, 0], [0, 2, 0]]


@pytest.mark.parametrize("wanted", [False, True])
def test_what_is_higher_by_more_has_it(wanted: bool) -> None:
    values = torch.tensor([[1.0, 1.00001], [-torch.inf, 0.0]], requires_grad=wanted)
    found = highest(values, 1)
    assert found.tolist() == pytest.approx([1.00001, 0.0])
    if wanted:
        assert torch.autograd.grad(found.sum(), values)[0].tolist() == [[0, 1], [0, 1]]
