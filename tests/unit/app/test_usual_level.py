"""The usual level is enough for most of the curves that were seen lately."""

from __future__ import annotations

import math

import pytest
import torch

from app.usual_level import FEW, LATELY, UsualLevel
from models.curve import SMOOTH, Curve


def that_needs(points: float) -> Curve:
    bend = 0.9 if points == math.inf else SMOOTH ** (8 / (points - 1))
    return Curve(torch.empty(9, 1), bend)


def after(*needed: float) -> int | None:
    usual = UsualLevel()
    for points in needed:
        usual.observe(that_needs(points))
    return usual.level


def test_a_few_tell_nothing() -> None:
    assert after(*[9.0] * (FEW - 1)) is None
    assert after(*[9.0] * FEW) == 9


@pytest.mark.parametrize(("needed", "level"), [(4.0, 5), (9.5, 11), (12.9, 13), (14.0, 17), (32.0, 33)])
def test_it_is_the_least_that_is_enough(needed: float, level: int) -> None:
    assert after(*[needed] * 10) == level


def test_one_of_many_does_not_raise_it() -> None:
    assert after(*[9.0] * 12, 30.0) == 9
    assert after(*[9.0] * 8, *[16.0] * 3) == 17


def test_curves_that_are_never_smooth_do_not_count_unless_they_are_most() -> None:
    assert after(*[12.0] * 6, *[math.inf] * 5) == 13
    assert after(*[12.0] * 5, *[math.inf] * 6) is None


def test_what_was_long_ago_is_forgotten() -> None:
    assert after(*[30.0] * LATELY, *[9.0] * LATELY) == 9


def test_straight_lines_need_the_least() -> None:
    usual = UsualLevel()
    for _ in range(FEW):
        usual.observe(Curve(torch.empty(9, 1), 0.0))
    assert usual.level == 5


def test_a_path_without_an_answer_is_no_curve() -> None:
    usual = UsualLevel()
    for _ in range(2 * FEW):
        usual.observe(Curve(torch.empty(9, 1), math.nan))
    assert usual.level is None
