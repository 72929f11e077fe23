"""Gradients along a line of embeddings, told from a few of its points.

What most encoders pool such a line into is a smooth curve, however the score may twist: the polynomial through its
values at a few Chebyshev points gives every other to the last digits of a float (Berrut and Trefethen, 2004). So the
tokens are read at those points only. What follows the pooled vector is asked at every probe, about the vector that the
polynomial gives there, and the slopes that come back from all probes go on through the few points.

A curve that is not smooth is found out: every second of its points is held against what the others tell of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.classifier import Batch
from models.explain import Ends, Path, attributed, ends_of, objective_of
from models.explain_methods import NOTHING, Method, Probe, columns_of, probes_of
from models.explainable import Embedded, Explainable
from models.line import Line

LEVELS = (5, 9, 17, 33)
"""Numbers of points, each with all of those before among them."""
FIRST_LEVEL = 9
"""How many are looked at before any is judged."""
SMOOTH = 1e-3
"""How far, as a share of the curve's extent, its second points may lie from what the others tell. What all of them tell
is off by no more than the square of that."""
HOPELESS = {9: 0.2, 17: 0.03}
"""Where it lies farther off, as many points again would not be enough."""


@dataclass(frozen=True, eq=False)
class Curve:
    """`points` (level, pooled dim) of the way from the baseline to an instance; `bend` is what SMOOTH bounds."""

    points: Tensor
    bend: float

    @property
    def smooth(self) -> bool:
        return self.bend <= SMOOTH

    @property
    def level(self) -> int:
        return len(self.points)

    @property
    def next_level(self) -> int | None:
        """What may make it smooth; None where nothing would."""
        if self.level == LEVELS[-1] or not self.bend <= HOPELESS[self.level]:
            return None
        return LEVELS[LEVELS.index(self.level) + 1]


def curves(explainable: Explainable, batch: Batch, along: Path, level: int, known: Tensor | None = None) -> list[Curve]:
    """The curve of each instance at that level, or at a lower one where that is enough. `known` (batch, points, pooled
    dim) is what the level before told."""
    alphas = nodes(level) if known is None else nodes(level)[1::2]
    points = _pooled(explainable, batch, along, alphas)
    if known is not None:
        joined = points.new_empty(len(points), level, points.size(-1))
        joined[:, ::2], joined[:, 1::2] = _as_wide(known, points.size(-1)), points
        points = joined
    judged = [count for count in LEVELS if count <= FIRST_LEVEL] if known is None else [level]
    bends = [_bends(points, count) for count in judged]
    return [_coarsest(one, judged, own) for one, own in zip(points, zip(*bends, strict=True), strict=True)]


def stacked(of: Sequence[Curve]) -> Tensor:
    """The points of curves of one level: (curves, level, pooled dim), zeros where others are wider."""
    width = max(one.points.size(1) for one in of)
    return torch.stack([_as_wide(one.points, width) for one in of])


def _as_wide(points: Tensor, width: int) -> Tensor:
    """(..., pooled dim) -> (..., width), which depends on the batch where there is nothing (models/pooled.py)."""
    missing = width - points.size(-1)
    return functional.pad(points, (0, missing)) if missing else points


@torch.no_grad()
def curved_ends(explainable: Explainable, head: nn.Module, of: Sequence[Curve]) -> Ends:
    """What models.explain.ends tells, from the ends of the curves."""
    both = torch.stack([one.points[end] for end in (-1, 0) for one in of])  # (2 * batch, pooled dim)
    return ends_of(explainable, head, *explainable.finish(both).chunk(2))


def _coarsest(points: Tensor, counts: Sequence[int], bends: Sequence[float]) -> Curve:
    """The curve of the fewest points that are enough, of all of them where none are."""
    enough = next((place for place, bend in enumerate(bends) if bend <= SMOOTH), -1)
    return Curve(points[:: (len(points) - 1) // (counts[enough] - 1)], bends[enough])


@torch.no_grad()
def _pooled(explainable: Explainable, batch: Batch, along: Path, alphas: NDArray[numpy.float64]) -> Tensor:
    """(batch, points, pooled dim)."""
    first = along.embedded[0]
    on_line = first.new_tensor(alphas).expand(batch.size, -1)
    points = [Line(blank, whole - blank, on_line).points() for blank, whole in zip(*along, strict=True)]
    owner = torch.arange(batch.size, device=first.device).repeat_interleave(len(alphas))
    return explainable.pool(explainable.rows(batch, owner), points).unflatten(0, on_line.shape)


def _bends(points: Tensor, count: int) -> list[float]:
    """Of every instance's first `count` points by level: (batch, points, pooled dim)."""
    own = points[:, :: (points.size(1) - 1) // (count - 1)]
    others, seconds = own[:, ::2], own[:, 1::2]
    told = _matrix((count + 1) // 2, nodes(count)[1::2], points) @ others  # (batch, count // 2, pooled dim)
    off = (told - seconds).abs().amax(dim=(1, 2))  # (batch,)
    extent = (own.amax(dim=1) - own.amin(dim=1)).amax(dim=1)  # (batch,)
    bends: list[float] = torch.where(off == 0, 0.0, off / extent).tolist()
    return bends


@lru_cache(maxsize=64)
def nodes(level: int) -> NDArray[numpy.float64]:
    """The Chebyshev points of the second kind, from 0 to 1."""
    return (1 - numpy.cos(numpy.pi * numpy.arange(level) / (level - 1))) / 2


def interpolation(level: int, alphas: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
    """(alphas, level): what each of the points counts at `alphas`, by the barycentric formula."""
    weights = (-1.0) ** numpy.arange(level)
    weights[[0, -1]] /= 2
    away = alphas[:, None] - nodes(level)  # (alphas, level)
    at_point = away == 0
    shares = weights / numpy.where(at_point, 1.0, away)
    shares /= shares.sum(axis=1, keepdims=True)
    return numpy.where(at_point.any(axis=1, keepdims=True), at_point, shares)


def _matrix(level: int, alphas: NDArray[numpy.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(interpolation(level, alphas)).to(like)


@dataclass(frozen=True, eq=False)
class Stretch:
    """Some points of a curve, from number `first` to before `last`, of what the probes find there for `target`."""

    curve: Curve
    target: int
    probes: tuple[Probe, ...]
    first: int
    last: int

    def __reduce__(self) -> tuple[Any, ...]:
        return _stretch, (self.curve, self.target, columns_of(self.probes), self.first, self.last)


def _stretch(curve: Curve, target: int, columns: tuple[tuple[Any, ...], ...], first: int, last: int) -> Stretch:
    return Stretch(curve, target, probes_of(columns), first, last)


def gradients_along(
    method: Method,
    explainable: Explainable,
    head: nn.Module,
    batch: Batch,
    along: Path,
    stretches: Sequence[Stretch],
) -> list[list[Tensor]]:
    """As models.explain.gradients: what the stretches, all on curves of one level, add up to; one for each instance of
    the batch, whose path `along` is."""
    slopes = _slopes(method, explainable, head, stretches)  # (batch, level, pooled dim)
    width = max(one.last - one.first for one in stretches)
    # (batch, width); what is there for others' width alone is the last point again, without a slope
    places = torch.tensor([[*range(one.first, one.last)] + [-1] * (width - one.last + one.first) for one in stretches])
    places = places.to(slopes.device)
    alphas = slopes.new_tensor(nodes(slopes.size(1)))[places]
    wanted = slopes.gather(1, (places % slopes.size(1)).unsqueeze(-1).expand(-1, -1, slopes.size(2)))
    wanted = wanted.masked_fill((places < 0).unsqueeze(-1), 0.0)  # (batch, width, pooled dim)
    found = _pulled_back(explainable, batch, along, alphas, wanted.flatten(0, 1))
    parts = [attributed(method, *one) for one in zip(found, *along, strict=True)]
    return [[one[instance] for one in parts] for instance in range(batch.size)]


def _slopes(method: Method, explainable: Explainable, head: nn.Module, stretches: Sequence[Stretch]) -> Tensor:
    """(batch, level, pooled dim): how what the probes see changes with each point of the curves."""
    most = max(len(one.probes) for one in stretches)
    probes = [(*one.probes, *[NOTHING] * (most - len(one.probes))) for one in stretches]
    points = stacked([one.curve for one in stretches]).requires_grad_()
    told = torch.stack([_told(points, own) for own in probes])  # (batch, probes, level)
    weights = points.new_tensor([[probe.weight for probe in own] for own in probes])  # (batch, probes)
    targets = torch.tensor([one.target for one in stretches], device=points.device).repeat_interleave(most)
    with torch.enable_grad():
        vectors = explainable.finish((told @ points).flatten(0, 1))  # (batch * probes, dim)
        values = objective_of(method.objective, explainable, head, vectors, targets) * weights.flatten()
        (slopes,) = torch.autograd.grad(values.sum(), points)
    return slopes


def _told(points: Tensor, probes: tuple[Probe, ...]) -> Tensor:
    return _cached_shares(points.size(1), tuple(probe.alpha for probe in probes)).to(points)


@lru_cache(maxsize=256)
def _cached_shares(level: int, alphas: tuple[float, ...]) -> Tensor:
    return torch.from_numpy(interpolation(level, numpy.array(alphas)))


def _pulled_back(
    explainable: Explainable, batch: Batch, along: Path, alphas: Tensor, slopes: Tensor
) -> Sequence[Tensor]:
    """The slopes (batch * points, pooled dim) at `alphas` (batch, points) as slopes of each instance's embeddings."""
    starts = [blank.detach().clone().requires_grad_() for blank in along.blank]
    owner = torch.arange(batch.size, device=alphas.device).repeat_interleave(alphas.size(1))
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        points: Embedded = [
            Line(start, whole - blank, alphas).points()
            for start, (blank, whole) in zip(starts, zip(*along, strict=True), strict=True)
        ]
        pooled = explainable.pool(explainable.rows(batch, owner), points)
        return torch.autograd.grad(pooled, starts, _as_wide(slopes, pooled.size(1)))
