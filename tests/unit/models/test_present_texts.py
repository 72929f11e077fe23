"""Texts of lists that are points of lines: what only fills up shorter lists is left out, and nothing else changes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.line import Line, line_of
from models.present_texts import PresentTexts, present_texts

TEXTS, TOKENS, DIM, POINTS = 4, 3, 2, 5


def lists(*lengths: tuple[int, ...]) -> tuple[Line, Tensor, Tensor]:
    """Lines of lists with texts of so many tokens, their points (lists * points, texts, tokens, dim), and the mask."""
    torch.manual_seed(0)
    shape = len(lengths), TEXTS, TOKENS, DIM
    line = Line(torch.randn(shape).requires_grad_(), torch.randn(shape), torch.rand(len(lengths), POINTS))
    padded = torch.tensor([[*one, *[0] * (TEXTS - len(one))] for one in lengths])
    mask = torch.arange(TOKENS) < padded.unsqueeze(-1)  # (lists, texts, tokens)
    return line, line.points(), mask.repeat_interleave(POINTS, dim=0)


def there(points: Tensor, mask: Tensor) -> PresentTexts:
    found = present_texts(points, mask)
    assert found is not None
    return found


def test_only_texts_of_the_lists_are_read() -> None:
    _, points, mask = lists((2, 3), (1,), (3, 1, 2, 1))
    found = there(points, mask)
    places = [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (2, 2), (2, 3)]
    by_list = points.unflatten(0, (-1, POINTS))
    for number, (one, text) in enumerate(places):
        rows = slice(number * POINTS, (number + 1) * POINTS)
        torch.testing.assert_close(found.inputs[rows], by_list[one, :, text])
        assert torch.equal(found.of_each(mask)[rows], mask.unflatten(0, (-1, POINTS))[one, :, text])
    assert len(found.inputs) == len(places) * POINTS
    assert line_of(found.inputs) is not None


def test_vectors_go_where_their_texts_were_and_slopes_back() -> None:
    line, points, mask = lists((2, 3), (1,), (3, 1, 2, 1))
    found = there(points, mask)
    sums = found.in_lists((found.inputs * found.of_each(mask).unsqueeze(-1)).sum(dim=1))
    wanted = (points * mask.unsqueeze(-1)).sum(dim=2)
    torch.testing.assert_close(sums, wanted)
    weights = torch.randn_like(sums)
    slopes = [torch.autograd.grad((one * weights).sum(), line.start)[0] for one in (sums, wanted)]
    torch.testing.assert_close(*slopes)


def test_a_text_without_tokens_in_the_middle_is_one_of_its_list() -> None:
    _, points, mask = lists((2, 0, 1), (1,))
    assert there(points, mask).place.tolist() == [0, 1, 2, 4]


@pytest.mark.parametrize("lengths", [((1, 1, 1, 1), (2, 3, 1, 1)), ((1, 0, 0, 2),)])
def test_lists_as_long_as_each_other_stay_as_they_are(lengths: tuple[tuple[int, ...], ...]) -> None:
    _, points, mask = lists(*lengths)
    assert present_texts(points, mask) is None


def test_what_is_no_point_of_a_line_stays_as_it_is() -> None:
    _, points, mask = lists((2, 3), (1,))
    assert present_texts(points.detach().clone(), mask) is None
