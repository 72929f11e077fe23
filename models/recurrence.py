"""torch's RNN, GRU and LSTM where only the gradient of their input is wanted, as explanations do.

torch differentiates its own layers time step by time step, and the gradient of each step fills a tensor as long as the
whole input: quadratic in the length. Here both directions of a layer run side by side, and what does not depend on the
step before is computed for all steps at once; where the rows are points of lines, at the ends of the lines.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from models.recurrent_cells import CELLS, Inputs, Slopes
from models.recurrent_layers import Layer, layers_of
from models.row_order import RowOrder


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
        rows = turned.size(1)
        # (time, rows) -> (time * rows,): whole vectors are copied several times as fast as `gather` copies numbers
        places = (turned * rows + torch.arange(rows, device=turned.device)).flatten()
        ctx.save_for_backward(places)
        return _from_places(texts, places)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        (places,) = ctx.saved_tensors
        return _from_places(slopes, places), None


def _from_places(texts: Tensor, places: Tensor) -> Tensor:
    """(time, rows, dim), (time * rows,) -> (time, rows, dim)"""
    return texts.flatten(0, 1).index_select(0, places).view(texts.shape)


def _turn(texts: Tensor, turned: Tensor | None) -> Tensor:
    """Each text of (time, rows, dim) in reverse, as `RowOrder.turned` says."""
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
    rows = RowOrder.of(inputs, lengths)
    # (time, rows, directions * hidden) -> (batch, time, directions * hidden)
    texts = _side_by_side(_run(layers, inputs, rows, last=None), rows.turned_rows)
    texts = rows.as_they_came(texts, 1).transpose(0, 1)
    padding = inputs.size(1) - rows.longest
    return functional.pad(texts, (0, 0, 0, padding)) if padding else texts


def final_states(layers: nn.RNNBase, inputs: Tensor, lengths: Tensor) -> Tensor:
    """(batch, time, input), (batch,) of at least 1 -> (batch, directions * hidden) of the last layer."""
    rows = RowOrder.of(inputs, lengths)
    # (directions, rows, hidden) -> (batch, directions * hidden)
    return rows.as_they_came(_run(layers, inputs, rows, last=rows.last).transpose(0, 1).flatten(1), 0)


def _run(layers: nn.RNNBase, inputs: Tensor, rows: RowOrder, *, last: Tensor | None) -> Tensor:
    """States of the last layer (time, directions, rows, hidden), or with `last` its final ones."""
    first, *others = layers_of(layers)
    states: Tensor = _first_layer(first, inputs, rows, None if others else last)
    sizes = [size * rows.points for size in rows.sizes]
    for layer in others:
        projected = _project(layer, _side_by_side(states, rows.turned_rows), rows.turned_rows)
        states = _Run.apply(projected, sizes, None, None, layer, last if layer is others[-1] else None)
    return states


def _project(layer: Layer, texts: Tensor, turned: Tensor | None, *, biased: bool = True) -> Tensor:
    """What the input adds to the gates: (time, rows, input) -> (time, directions, rows, gates * hidden)."""
    texts = texts.contiguous()  # or each step is multiplied apart
    ways = [texts, _turn(texts, turned)] if len(layer.input_weights) > 1 else [texts]
    return torch.stack(layer.project(ways, biased=biased), dim=1)


def _first_layer(layer: Layer, inputs: Tensor, rows: RowOrder, last: Tensor | None) -> Any:
    def project(texts: Tensor, *, biased: bool = True) -> Tensor:
        """(lines, time, input) -> (time, directions, lines, gates * hidden)"""
        steps = rows.ordered(texts[:, : rows.longest].transpose(0, 1), 1)  # (time, lines, input)
        return _project(layer, steps, rows.turned, biased=biased)

    line = rows.line
    if line is None:
        return _Run.apply(project(inputs), rows.sizes, None, None, layer, last)
    start, way = line.ends()
    with torch.no_grad():
        along = project(way, biased=False).unsqueeze(3)  # (time, directions, lines, 1, gates * hidden)
    alphas = line.alphas.repeat_interleave(line.texts, dim=0) if line.texts > 1 else line.alphas  # (lines, points)
    alphas = rows.ordered(alphas).unsqueeze(-1)  # (lines, points, 1)
    return _Run.apply(project(start).unsqueeze(3), rows.sizes, along, alphas, layer, last)


def _side_by_side(states: Tensor, turned: Tensor | None) -> Tensor:
    """Both directions in the order of the text: (time, directions, rows, hidden) -> (time, rows, directions *
    hidden)."""
    ways = states.unbind(1)
    return torch.cat([ways[0], *(_turn(way, turned) for way in ways[1:])], dim=-1)
