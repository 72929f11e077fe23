"""The highest of values is that of torch's `max`, and so are slopes, but where rounding would decide."""

import math

import pytest
import torch

from models.highest import highest


@pytest.mark.parametrize("wanted", [False, True])
def test_a_maximum_that_is_no_number_stays_none(wanted: bool) -> None:
    values = torch.tensor([[1.0, torch.nan, 2.0], [1.0, 3.0, 2.0]], requires_grad=wanted)
    first, second = highest(values, 1).tolist()
    assert math.isnan(first)
    assert second == 3.0


ROUNDED = 2**-23
"""What 1 and the next number in float32 are apart."""


@pytest.mark.parametrize("more", [-ROUNDED, 0.0, ROUNDED])
def test_of_those_that_rounding_tells_apart_the_first_has_the_slope(more: float) -> None:
    values = torch.tensor([[0.5, 1.0, 1.0 + more, -3.0]], requires_grad=True)
    assert torch.autograd.grad(highest(values, 1).sum(), values)[0].tolist() == [[0, 1, 0, 0]]


@pytest.mark.parametrize("wanted", [False, True])
def test_what_is_higher_by_more_has_it(wanted: bool) -> None:
    values = torch.tensor([[1.0, 1.00001], [-torch.inf, 0.0]], requires_grad=wanted)
    found = highest(values, 1)
    assert found.tolist() == pytest.approx([1.00001, 0.0])
    if wanted:
        assert torch.autograd.grad(found.sum(), values)[0].tolist() == [[0, 1], [0, 1]]
