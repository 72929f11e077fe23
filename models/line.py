"""Points on straight lines between embeddings, and what is affine in them.

A path method looks at many points of one line. A linear layer, or a convolution, at such a point is the same mix of
what it gives at the line's ends: two rows are multiplied where there would be one for each point, and all that the
points' slopes add up to goes back through it at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Line(NamedTuple):
    """Lines of as many points each: point k of line i is `start[i] + alphas[i, k] * way[i]`.

    `start`, which gradients go to, and `way` are (lines, [texts,] tokens, dim); `alphas` is (lines, points).
    """

    start: Tensor
    way: Tensor
    alphas: Tensor

    @property
    def texts(self) -> int:
        """The rows that each point has where lists of texts are read text by text."""
        return self.start[0, ..., 0, 0].numel()

    def points(self) -> Tensor:
        """(lines * points, [texts,] tokens, dim), which `line_of` knows again."""
        alphas = self.alphas.view(*self.alphas.shape, *[1] * (self.start.dim() - 1))
        # (lines, points, [texts,] tokens, dim)
        points = torch.addcmul(self.start.unsqueeze(1), alphas, self.way.unsqueeze(1))
        points.line = self  # type: ignore[attr-defined]  # a tensor takes attributes as any object does
        return points.flatten(0, 1)

    def between(self, start: Tensor, way: Tensor) -> Tensor:
        """What is `start` at the lines' starts and `way` more at alpha 1: (lines * texts, ...), twice -> (lines *
        points * texts, ...)."""
        # (lines * texts, ...) -> (lines, 1, texts, ...)
        start, way = (one.unflatten(0, (-1, 1, self.texts)) for one in (start, way))
        alphas = self.alphas.view(*self.alphas.shape, *[1] * (start.dim() - 2))
        return torch.addcmul(start, alphas, way).flatten(0, 2)

    def once(self, rows: Tensor) -> Tensor:
        """What all points of a line share, once for each: (lines * points * texts, ...) -> (lines * texts, ...)."""
        return rows.unflatten(0, (*self.alphas.shape, self.texts))[:, 0].flatten(0, 1)

    def ends(self) -> tuple[Tensor, Tensor]:
        """`start` and `way` as texts: (lines * texts, tokens, dim)."""
        return self.start.flatten(0, -3), self.way.flatten(0, -3)


def line_of(inputs: Tensor) -> Line | None:
    """The lines whose points `inputs` (rows, tokens, dim) are, all of them and in order; None where they are not."""
    points = inputs if inputs._base is None else inputs._base
    line: Line | None = getattr(points, "line", None)
    if line is None or inputs.numel() != points.numel() or not inputs.is_contiguous():
        return None
    return line if inputs.shape[-2:] == points.shape[-2:] else None


def affine(function: Callable[..., Tensor], inputs: Tensor, *others: Tensor) -> Tensor:
    """`function(inputs, *others)`, which takes each row alone and is affine in `inputs` (rows, tokens, dim).

    `others` are (rows, ...) and the same for every point of a line.
    """
    line = line_of(inputs)
    if line is None:
        return function(inputs, *others)
    others = tuple(line.once(other) for other in others)
    start, way = line.ends()
    at_start = function(start, *others)
    with torch.no_grad():
        along = function(start + way, *others) - at_start
    return line.between(at_start, along)
