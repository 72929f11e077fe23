"""torch's RNN, GRU and LSTM where only the gradient of their input is wanted, as explanations do.

torch differentiates its own layers time step by time step, and the gradient of each step fills a tensor as long as the
whole input: quadratic in the length. Here both directions of a layer run side by side, and what does not depend on the
step before is computed for all steps at once; where the rows are points of lines, at the ends of the lines.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from models.line import line_of
from models.recurrent_cells import CELLS, Inputs, Slopes
from models.recurrent_layers import Layer, layers_of


class _Rows(NamedTuple):
    """The texts in the order that the cells take: the longest first, all points of a line together."""

    lengths: Tensor
    """(lines,) steps of each; a row that is no point of a line is a line of its own."""
    order: Tensor | None
    """(lines,) where each came from; None where all are as long and as they came."""
    points: int
    """Rows of a line."""
    texts: int
    """Neighbouring lines whose points came mixed: the first of each, the second of each, and so on."""
    longest: int

    @classmethod
    def of(cls, inputs: Tensor, lengths: Tensor) -> _Rows:
        """(batch, time, input), (batch,) of at least 1."""
        line = line_of(inputs)
        points, texts = (1, 1) if line is None else (line.alphas.size(1), line.texts)
        if line is not None:
            lengths = line.once(lengths)
        shortest, longest = (int(bound) for bound in lengths.aminmax())
        if shortest == longest:
            return cls(lengths, None, points, texts, longest)
        return cls(*lengths.sort(descending=True, stable=True), points, texts, longest)

    def sizes(self) -> list[int]:
        """How many lines have each step."""
        if self.order is None:
            return [len(self.lengths)] * self.longest
        counts: list[int] = (self.lengths > self._steps()).sum(dim=1).tolist()
        return counts

    def turned(self) -> Tensor | None:
        """Where each text's steps are once it is turned within its own length: (time, lines); None where all are of the
        same length. Padding comes last either way, and nothing needs a mask."""
        if self.order is None:
            return None
        turned = self.lengths - 1 - self._steps()
        return torch.where(turned < 0, self._steps(), turned)

    def ordered(self, lines: Tensor, dim: int = 0) -> Tensor:
        """As they came -> in order, along a dimension."""
        return lines if self.order is None else lines.index_select(dim, self.order)

    def each(self, of_lines: Tensor) -> Tensor:
        """(..., lines) -> (..., rows)"""
        return of_lines.unsqueeze(-1).expand(*of_lines.shape, self.points).flatten(-2)

    def as_they_came(self, rows: Tensor, dim: int) -> Tensor:
        """The rows along a dimension in the order of the batch."""
        if self.order is None and (self.texts == 1 or self.points == 1):
            return rows
        rank = torch.arange(len(self.lengths), device=rows.device)
        if self.order is not None:
            rank = torch.empty_like(rank).index_copy(0, self.order, rank)
        # (lines, texts) -> (lines, points, texts) -> (batch,)
        places = rank.view(-1, 1, self.texts) * self.points + torch.arange(self.points, device=rows.device).unsqueeze(1)
        return rows.index_select(dim, places.flatten())

    def _steps(self) -> Tensor:
        return torch.arange(self.longest, device=self.lengths.device).unsqueeze(1)


class _Run(Function):
    """All states of a layer (time, directions, rows, hidden), or with `last` (rows,) the final ones alone (directions,
    rows, hidden). The first arguments are those of Inputs."""

    @staticmethod
    def forward(
        ctx: Any,
        start: Tensor,
        sizes: list[int],
        way: Tensor | None,
        alphas: Tensor | None,
        layer: Layer,
        last: Tensor | None,
    ) -> Tensor:
        inputs, cell = Inputs(start, sizes, way, alphas), CELLS[layer.mode]
        kept = cell.forward(inputs, layer.state_weight, layer.state_bias)
        ctx.inputs, ctx.layer, ctx.final = inputs, layer, last is not None
        ctx.save_for_backward(*kept)
        states = kept[0][cell.states_from :]
        # Never a tensor that `ctx` keeps: the two would keep each other.
        return states.view_as(states) if last is None else states[last, :, torch.arange(len(last))].transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, found: Tensor) -> tuple[Tensor | None, ...]:
        cell, slopes = CELLS[ctx.layer.mode], Slopes(found, ctx.final)
        return cell.backward(slopes, ctx.inputs, ctx.layer.weight_back, *ctx.saved_tensors), *[None] * 5


class _Turn(Function):
    """(time, rows, dim), each text in reverse; done twice it is as before."""

    @staticmethod
    def forward(ctx: Any, texts: Tensor, turned: Tensor) -> Tensor:
        ctx.save_for_backward(turned)
        return texts.gather(0, turned.unsqueeze(-1).expand_as(texts))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        (turned,) = ctx.saved_tensors
        return slopes.gather(0, turned.unsqueeze(-1).expand_as(slopes)), None


def _turn(texts: Tensor, turned: Tensor | None) -> Tensor:
    """Each text of (time, rows, dim) in reverse, as `_Rows.turned` says."""
    if turned is None:
        return texts.flip(0)
    there: Tensor = _Turn.apply(texts, turned)
    return there


def input_gradient_only(layers: nn.RNNBase) -> bool:
    """Whether the functions below do what is asked: without gradients, or for those of weights, torch's do better."""
    frozen = not any(weight.requires_grad for weight in layers.parameters())
    return torch.is_grad_enabled() and frozen and not layers.proj_size


def all_states(layers: nn.RNNBase, inputs: Tensor, lengths: Tensor) -> Tensor:
    """(batch, time, input), (batch,) of at least 1 -> those of the last layer (batch, time, directions * hidden), zero
    beyond the lengths."""
    rows = _Rows.of(inputs, lengths)
    turned = _of_rows(rows, rows.turned())
    texts = _side_by_side(_run(layers, inputs, rows, turned, last=None), turned)  # (time, rows, directions * hidden)
    texts = rows.as_they_came(texts, 1).transpose(0, 1)
    padding = inputs.size(1) - rows.longest
    return functional.pad(texts, (0, 0, 0, padding)) if padding else texts


def final_states(layers: nn.RNNBase, inputs: Tensor, lengths: Tensor) -> Tensor:
    """(batch, time, input), (batch,) of at least 1 -> (batch, directions * hidden) of the last layer."""
    rows = _Rows.of(inputs, lengths)
    states = _run(layers, inputs, rows, _of_rows(rows, rows.turned()), last=rows.each(rows.lengths) - 1)
    # (directions, rows, hidden) -> (batch, directions * hidden)
    return rows.as_they_came(states.transpose(0, 1).flatten(1), 0)


def _run(layers: nn.RNNBase, inputs: Tensor, rows: _Rows, turned: Tensor | None, *, last: Tensor | None) -> Tensor:
    """States of the last layer (time, directions, rows, hidden), or with `last` its final ones."""
    first, *others = layers_of(layers)
    states: Tensor = _first_layer(first, inputs, rows, None if others else last)
    sizes = [size * rows.points for size in rows.sizes()]
    for layer in others:
        projected = _project(layer, _side_by_side(states, turned), turned)
        states = _Run.apply(projected, sizes, None, None, layer, last if layer is others[-1] else None)
    return states


def _project(layer: Layer, texts: Tensor, turned: Tensor | None, *, biased: bool = True) -> Tensor:
    """What the input adds to the gates: (time, rows, input) -> (time, directions, rows, gates * hidden)."""
    texts = texts.contiguous()  # or each step is multiplied apart
    ways = [texts, _turn(texts, turned)] if len(layer.input_weights) > 1 else [texts]
    return torch.stack(layer.project(ways, biased=biased), dim=1)


def _first_layer(layer: Layer, inputs: Tensor, rows: _Rows, last: Tensor | None) -> Any:
    line, turned, sizes = line_of(inputs), rows.turned(), rows.sizes()

    def ordered(texts: Tensor) -> Tensor:
        """(lines, time, input) -> (time, lines, input)"""
        return rows.ordered(texts[:, : rows.longest].transpose(0, 1), 1)

    if line is None:
        return _Run.apply(_project(layer, ordered(inputs), turned), sizes, None, None, layer, last)
    start, way = line.ends()
    # (time, directions, lines, gates * hidden) -> (time, directions, lines, 1, gates * hidden)
    start = _project(layer, ordered(start), turned).unsqueeze(3)
    with torch.no_grad():
        along = _project(layer, ordered(way), turned, biased=False).unsqueeze(3)
    alphas = line.alphas.repeat_interleave(line.texts, dim=0) if line.texts > 1 else line.alphas  # (lines, points)
    return _Run.apply(start, sizes, along, rows.ordered(alphas).unsqueeze(-1), layer, last)


def _of_rows(rows: _Rows, turned: Tensor | None) -> Tensor | None:
    return None if turned is None else rows.each(turned)


def _side_by_side(states: Tensor, turned: Tensor | None) -> Tensor:
    """Both directions in the order of the text: (time, directions, rows, hidden) -> (time, rows, directions *
    hidden)."""
    ways = states.unbind(1)
    return torch.cat([ways[0], *(_turn(way, turned) for way in ways[1:])], dim=-1)
