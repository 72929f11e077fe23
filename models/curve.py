"""Gradients along a line of embeddings, told from a few of its points.

What most encoders pool such a line into is a smooth curve, however the score may twist: the polynomial through its
values at a few Chebyshev points gives every other to the last digits of a float (Berrut and Trefethen, 2004). So the
tokens are read at those points only. What follows the pooled vector is asked at every probe, about the vector that the
polynomial gives there, and the slopes that come back from all probes go on through the few points.

A curve that is not smooth is found out: every second of its points is held against what the others tell of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.classifier import Batch
from models.explain import Ends, Path, attributed, ends_of, objective_of, or_predicted
from models.explain_methods import NOTHING, Method, Probe, columns_of, probes_of
from models.explainable import Embedded, Explainable
from models.line import Line

LEVELS = (5, 7, 9, 11, 13, 17, 21, 25, 33)
"""Numbers of points. Of twice as many less one, every second is one of them."""
FIRST_LEVEL = 9
"""How many are looked at where nothing is known of a classifier's curves."""
SMOOTH = 1e-3
"""How far, as a share of the curve's extent, its second points may lie from what the others tell. What all of them tell
is off by no more than the square of that."""


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
        """Twice as many less one, where that may make it smooth; None where nothing would."""
        finer = 2 * self.level - 1
        return finer if self.needed <= LEVELS[-1] and finer <= LEVELS[-1] else None

    @property
    def needed(self) -> float:
        """So many points are enough, if each takes the same share off the bend."""
        if not 0 < self.bend < 1:
            return LEVELS[0] if self.bend == 0 else math.inf
        return 1 + (self.level - 1) * math.log(SMOOTH) / math.log(self.bend)


def curves(explainable: Explainable, batch: Batch, along: Path, level: int, known: Tensor | None = None) -> list[Curve]:
    """The curve of each instance at that level, or at a lower one where that is enough. `known` (batch, points, pooled
    dim) is what the level before told."""
    alphas = nodes(level) if known is None else nodes(level)[1::2]
    points = _pooled(explainable, batch, along, alphas)
    if known is None:
        return _judged(points)
    joined = points.new_empty(len(points), level, points.size(-1))
    joined[:, ::2], joined[:, 1::2] = _as_wide(known, points.size(-1)), points
    return [Curve(own, bend) for own, bend in zip(joined, _bends(joined), strict=True)]


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


def coarser(level: int) -> Iterator[int]:
    """The level and those whose points are every second of the one before."""
    while level in LEVELS:
        yield level
        level = (level + 1) // 2


def _judged(points: Tensor) -> list[Curve]:
    """Of each instance (batch, points, pooled dim) the curve of the fewest points that are enough, of all where none
    are."""
    looks = [points[:, :: 2**halved] for halved, _ in enumerate(coarser(points.size(1)))]
    bends = list(map(_bends, looks))
    found = []
    for number, own in enumerate(zip(*bends, strict=True)):
        enough = max((place for place, bend in enumerate(own) if bend <= SMOOTH), default=0)
        found.append(Curve(looks[enough][number], own[enough]))
    return found


@torch.no_grad()
def _pooled(explainable: Explainable, batch: Batch, along: Path, alphas: NDArray[numpy.float64]) -> Tensor:
    """(batch, points, pooled dim)."""
    on_line = along.embedded[0].new_tensor(alphas).expand(batch.size, -1)
    return _read(explainable, batch, along.blank, along, on_line).unflatten(0, on_line.shape)


def _read(explainable: Explainable, batch: Batch, starts: Embedded, along: Path, alphas: Tensor) -> Tensor:
    """What the points at `alphas` (batch, points) from `starts` on are pooled into: (batch * points, pooled dim)."""
    points = [
        Line(start, whole - blank, alphas).points()
        for start, (blank, whole) in zip(starts, zip(*along, strict=True), strict=True)
    ]
    owner = torch.arange(batch.size, device=alphas.device).repeat_interleave(alphas.size(1))
    return explainable.pool(explainable.rows(batch, owner), points)


def _bends(points: Tensor) -> list[float]:
    """Of every instance (batch, points, pooled dim)."""
    others, seconds = points[:, ::2], points[:, 1::2]
    told = _seconds(points.size(1)).to(points) @ others  # (batch, points // 2, pooled dim)
    off = (told - seconds).abs().amax(dim=(1, 2))  # (batch,)
    extent = (points.amax(dim=1) - points.amin(dim=1)).amax(dim=1)  # (batch,)
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


@lru_cache(maxsize=64)
def _seconds(level: int) -> Tensor:
    """(level // 2, level // 2 + 1): what the others count at every second point."""
    return torch.from_numpy(interpolation((level + 1) // 2, nodes(level)[1::2]))


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
    starts, pooled = _to_differentiate(explainable, batch, along, alphas)
    return _attributed(method, along, starts, pooled, wanted)


def curves_and_gradients(
    method: Method,
    explainable: Explainable,
    head: nn.Module,
    batch: Batch,
    along: Path,
    level: int,
    probes: Sequence[Sequence[Probe]],
    targets: Sequence[int | None],
) -> tuple[list[Curve], list[list[Tensor] | None], Ends]:
    """`curves` of that level with what the probes of each instance add up to, and its ends, in one pass: for the
    predicted label where no target is named. None where the curve is not smooth enough to tell."""
    alphas = along.embedded[0].new_tensor(nodes(level)).expand(batch.size, -1)
    starts, pooled = _to_differentiate(explainable, batch, along, alphas)
    points = pooled.detach().unflatten(0, alphas.shape)  # (batch, points, pooled dim)
    found = _judged(points)
    both = curved_ends(explainable, head, found)
    wanted = zip(points, or_predicted(targets, both), probes, strict=True)
    stretches = [Stretch(Curve(own, 0.0), target, tuple(asked), 0, level) for own, target, asked in wanted]
    if not any(one.smooth for one in found):
        return found, [None] * batch.size, both
    told = _attributed(method, along, starts, pooled, _slopes(method, explainable, head, stretches))
    return found, [own if one.smooth else None for one, own in zip(found, told, strict=True)], both


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


def _to_differentiate(explainable: Explainable, batch: Batch, along: Path, alphas: Tensor) -> tuple[Embedded, Tensor]:
    """What `_read` gives, and the starts that its slopes go to."""
    starts = [blank.detach().clone().requires_grad_() for blank in along.blank]
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        return starts, _read(explainable, batch, starts, along, alphas)


def _attributed(method: Method, along: Path, starts: Embedded, pooled: Tensor, slopes: Tensor) -> list[list[Tensor]]:
    """What the slopes (batch, points, pooled dim) of what `_to_differentiate` gave come to, by instance and input."""
    slopes = _as_wide(slopes.flatten(0, 1), pooled.size(1))
    with torch.backends.cudnn.flags(enabled=False):
        found = torch.autograd.grad(pooled, starts, slopes)
    parts = [attributed(method, *one) for one in zip(found, *along, strict=True)]
    return [[one[instance] for one in parts] for instance in range(len(parts[0]))]
