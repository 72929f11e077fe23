"""What a position sees of another text: torch's sums and highest, and their slopes, but where rounding would decide."""

import pytest
import torch
from torch import Tensor

from models.attended import Attended, attended

FAR = -1e30
ROUNDED = 2**-23
"""What 1 and the next number in float32 are apart."""


def by_torch(vectors: Tensor, factors: Tensor, away: Tensor) -> tuple[Tensor, Tensor]:
    # (..., dim, others, rows), (..., length, others, rows) -> (..., dim, length, others, rows)
    products = vectors.unsqueeze(-3) * factors.unsqueeze(-4)
    return products.sum(dim=-2), (products + away.unsqueeze(-3).unsqueeze(-3)).max(dim=-2)[0]


def numbers(kind: str, *shape: int) -> Tensor:
    torch.manual_seed(sum(shape))
    found = torch.randn(shape) if kind == "any" else torch.randint(-1, 2, shape).float()
    return found.requires_grad_()


@pytest.mark.parametrize("kind", ["any", "many equal"])
@pytest.mark.parametrize("others", [1, 5])
def test_they_are_torchs(kind: str, others: int) -> None:
    vectors, factors = numbers(kind, 2, 3, 7, others, 6), numbers(kind, 2, 3, 4, others, 6)
    away = torch.zeros(3, others, 6)
    away[1, 1:, :2] = FAR
    slopes = [torch.arange(2 * 3 * 7 * 4 * 6.0).view(2, 3, 7, 4, 6) * scale for scale in (1, -0.1)]
    found = []
    for function in (by_torch, Attended.apply):
        seen = function(vectors, factors, away)
        found.append((*seen, *torch.autograd.grad(seen, [vectors, factors], slopes)))
    for own, torchs in zip(*found, strict=True):
        torch.testing.assert_close(own, torchs, atol=1e-3, rtol=1e-5)
    with torch.no_grad():
        assert all(map(torch.equal, attended(vectors, factors, away), Attended.apply(vectors, factors, away)))


def test_what_is_no_number_stays_none() -> None:
    vectors, factors, away = torch.randn(2, 3, 1), torch.randn(2, 3, 1), torch.zeros(3, 1)
    vectors[0, 1] = torch.nan
    sums, most = attended(vectors, factors, away)
    assert sums[0].isnan().all()
    assert most[0].isnan().all()
    assert most[1].isfinite().all()


@pytest.mark.parametrize("more", [-ROUNDED, 0.0, ROUNDED])
def test_of_those_that_rounding_tells_apart_the_first_has_the_slope(more: float) -> None:
    vectors = torch.tensor([-2.0, 2.0, 2.0]).view(1, 3, 1).requires_grad_()  # (dim, others, rows)
    factors = torch.tensor([0.5, 1.0, 1.0 + more]).view(1, 3, 1).requires_grad_()  # (length, others, rows)
    _, most = Attended.apply(vectors, factors, torch.zeros(3, 1))
    slopes = torch.autograd.grad(most.sum(), [vectors, factors])
    assert [one.flatten().tolist() for one in slopes] == [[0, 1, 0], [0, 2, 0]]
