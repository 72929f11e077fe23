"""Gradients told from a few points are those of every step, and a curve that is not smooth is found out."""

from __future__ import annotations

from itertools import pairwise

import numpy
import pytest
import torch
from torch import Tensor, nn

from models.classifier import Batch
from models.curve import (
    LEVELS,
    SMOOTH,
    Curve,
    Stretch,
    coarser,
    curves,
    curves_and_gradients,
    gradients_along,
    interpolation,
    nodes,
)
from models.explain import Path, ends, gradients
from models.explain_methods import METHODS, gauss_legendre
from models.explainable import Explainable

METHOD = METHODS["integrated_gradients"]
PROBES = gauss_legendre(50)


class OneVector(Explainable):
    """Pools what a layer makes of each token; what follows has a kink."""

    def __init__(self, function: nn.Module) -> None:
        torch.manual_seed(1)
        self.classifier = type("Labels", (), {"multilabel": False})()
        self._read, self._function = nn.Linear(6, 16), function
        self._finish = nn.Sequential(nn.Linear(16, 16), nn.ReLU())

    def embed(self, batch: Batch):
        return [batch.tensors["it"]]

    def blank(self, batch: Batch, embedded, baseline: str):
        return [torch.zeros_like(one) for one in embedded]

    def tokenization(self, instance, features):
        raise AssertionError("nobody asks")

    def pool(self, batch: Batch, embedded) -> Tensor:
        return self._function(self._read(embedded[0])).sum(dim=1)

    def finish(self, pooled: Tensor) -> Tensor:
        return self._finish(pooled)

    def encode(self, batch: Batch, embedded) -> Tensor:
        return self.finish(self.pool(batch, embedded))


def setting(function: nn.Module) -> tuple[OneVector, nn.Module, Batch, Path]:
    explainable, head = OneVector(function), nn.Linear(16, 3)
    batch = Batch({"it": torch.randn(2, 4, 6)}, 2, 8, 8)
    embedded = explainable.embed(batch)
    return explainable, head, batch, Path(explainable.blank(batch, embedded, "zero"), embedded)


def smoothed(explainable: OneVector, batch: Batch, along: Path) -> list[Curve]:
    found = curves(explainable, batch, along, 9)
    while any(not one.smooth for one in found):
        level = max(one.level for one in found)
        known = curves(explainable, batch, along, level)
        found = curves(explainable, batch, along, 2 * level - 1, torch.stack([one.points for one in known]))
    return found


@pytest.mark.parametrize("level", LEVELS)
def test_a_polynomial_is_told_to_the_last_digit(level):
    alphas = numpy.array([0.0, 0.1, 0.5, 0.93, 1.0])
    power = level - 1
    assert interpolation(level, alphas) @ nodes(level) ** power == pytest.approx(alphas**power, abs=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_every_second_point_is_one_of_the_coarser_level(level):
    for more, fewer in pairwise(coarser(level)):
        assert nodes(more)[::2] == pytest.approx(nodes(fewer))


@pytest.mark.parametrize("level", LEVELS)
def test_what_may_become_smooth_gets_points_between_those_it_has(level):
    bent = Curve(torch.empty(level, 1), 2 * SMOOTH)
    finer = bent.next_level
    assert finer is None if 2 * level - 1 > LEVELS[-1] else [*coarser(finer)][1] == level
    assert Curve(torch.empty(level, 1), 0.9).next_level is None


@pytest.mark.parametrize(("level", "bend", "needed"), [(9, SMOOTH, 9), (17, SMOOTH**2, 9), (9, SMOOTH**0.5, 17)])
def test_each_point_is_taken_to_flatten_a_curve_as_much(level, bend, needed):
    assert Curve(torch.empty(level, 1), bend).needed == pytest.approx(needed)


def test_the_slopes_of_every_step_are_told_from_a_few_points():
    explainable, head, batch, along = setting(nn.Tanh())
    found = smoothed(explainable, batch, along)
    wanted = gradients(METHOD, explainable, head, batch, along, [PROBES] * 2, [0, 2])
    level = max(one.level for one in found)
    assert level < 50
    same = curves(explainable, batch, along, 33) if level == 33 else found
    stretches = [Stretch(one, target, PROBES, 0, one.level) for one, target in zip(same, (0, 2), strict=True)]
    if len({one.level for one in same}) == 1:
        told = gradients_along(METHOD, explainable, head, batch, along, stretches)
        for one, other in zip(told, wanted, strict=True):
            assert torch.allclose(one[0], other[0], atol=5e-6)


def test_one_pass_tells_curves_ends_and_gradients():
    explainable, head, batch, along = setting(nn.Tanh())
    found, told, both = curves_and_gradients(
        METHOD, explainable, head, batch, along, 33, [PROBES, PROBES[:20]], [2, None]
    )
    wanted_ends = ends(explainable, head, batch, along)
    for one, other in zip(both, wanted_ends, strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    targets = [2, int(wanted_ends.logits[1].argmax())]
    wanted = gradients(METHOD, explainable, head, batch, along, [PROBES, PROBES[:20]], targets)
    for curve, own, other in zip(found, told, wanted, strict=True):
        assert curve.smooth
        assert own is not None
        assert torch.allclose(own[0], other[0], atol=5e-6)


def test_one_pass_tells_nothing_along_what_is_not_smooth():
    explainable, head, batch, along = setting(nn.Tanh())
    kinked = setting(nn.ReLU())[0]
    kinked._read.bias.data += 0.3
    _, told, _ = curves_and_gradients(METHOD, kinked, head, batch, along, 9, [PROBES] * 2, [0, 0])
    assert told == [None, None]
    # one that is as good as straight, beside one that is not
    near = Path([along.embedded[0] * torch.tensor([0.999, 0.0])[:, None, None]], along.embedded)
    found, told, _ = curves_and_gradients(METHOD, explainable, head, batch, near, 5, [PROBES] * 2, [0, 0])
    assert [one.smooth for one in found] == [True, False]
    (wanted, _) = gradients(METHOD, explainable, head, batch, near, [PROBES] * 2, [0, 0])
    assert torch.allclose(told[0][0], wanted[0], atol=1e-6)
    assert told[1] is None


def test_stretches_of_different_lengths_add_up():
    explainable, head, batch, along = setting(nn.Tanh())
    whole = [Curve(points, 0.0) for points in _points(explainable, batch, along)]
    all_of_it = gradients_along(
        METHOD, explainable, head, batch, along, [Stretch(one, 1, PROBES, 0, one.level) for one in whole]
    )
    cut = [[(0, 2), (2, 17)], [(0, 9), (9, 17)]]
    parts = [
        gradients_along(
            METHOD, explainable, head, batch, along,
            [Stretch(one, 1, PROBES, *cut[number][half]) for number, one in enumerate(whole)],
        )
        for half in (0, 1)
    ]  # fmt: skip
    for number in (0, 1):
        assert torch.allclose(parts[0][number][0] + parts[1][number][0], all_of_it[number][0], atol=1e-6)


def _points(explainable: OneVector, batch: Batch, along: Path) -> Tensor:
    """At the 17 points of that level."""
    blank, whole = along.blank[0], along.embedded[0]
    places = [explainable.pool(batch, [blank + alpha * (whole - blank)]) for alpha in nodes(17).tolist()]
    return torch.stack(places, dim=1).detach()


def test_a_kink_is_found_out():
    explainable, _, batch, along = setting(nn.ReLU())
    explainable._read.bias.data += 0.3  # which bends the way somewhere between its ends
    for one in curves(explainable, batch, along, 9):
        assert one.bend > SMOOTH
        assert not one.smooth


def test_a_path_without_an_answer_is_no_curve():
    explainable, _, batch, along = setting(nn.Tanh())
    explainable._read.bias.data[0] = torch.nan
    for one in curves(explainable, batch, along, 9):
        assert not one.smooth
        assert one.next_level is None
