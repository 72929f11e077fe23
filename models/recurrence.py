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

from models.line import line_of
from models.recurrent_cells import CELLS, Inputs, Slopes
from models.recurrent_layers import Layer, layers_of


class _Run(Function):
    """All states of a layer (time, directions, rows, hidden), or with `last` (rows,) the final ones alone (directions,
    rows, hidden). `way` and `alphas` are None where each row has inputs of its own."""

    @staticmethod
    def forward(
        ctx: Any, start: Tensor, way: Tensor | None, alphas: Tensor | None, layer: Layer, last: Tensor | None
    ) -> Tensor:
        inputs, cell = Inputs(start, way, alphas), CELLS[layer.mode]
        kept = cell.forward(inputs, layer.state_weight, layer.state_bias)
        ctx.inputs, ctx.layer, ctx.last = inputs, layer, last
        ctx.save_for_backward(*kept)
        states = kept[0][cell.states_from :]
        # Never a tensor that `ctx` keeps: the two would keep each other.
        return states.view_as(states) if last is None else states[last, :, torch.arange(len(last))].transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, found: Tensor) -> tuple[Tensor | None, ...]:
        cell, slopes = CELLS[ctx.layer.mode], Slopes(found, ctx.last)
        return cell.backward(slopes, ctx.inputs, ctx.layer.weight_back, *ctx.saved_tensors), *[None] * 4


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
    """Each text of (time, rows, dim) in reverse, as `_turned` says."""
    if turned is None:
        return texts.flip(0)
    there: Tensor = _Turn.apply(texts, turned)
    return there


def _turned(lengths: Tensor, time: int) -> Tensor | None:
    """Where each text's steps are once it is turned within its own length: (rows,) -> (time, rows); None where all are
    of the same length.

    Padding comes last either way, and nothing needs a mask.
    """
    if not (lengths < time).any():
        return None
    steps = torch.arange(time, device=lengths.device).unsqueeze(1)
    turned = lengths.unsqueeze(0) - 1 - steps
    return torch.where(turned < 0, steps, turned)


def input_gradient_only(layers: nn.RNNBase) -> bool:
    """Whether the functions below do what is asked: without gradients, or for those of weights, torch's do better."""
    frozen = not any(weight.requires_grad for weight in layers.parameters())
    return torch.is_grad_enabled() and frozen and not layers.proj_size


def all_states(layers: nn.RNNBase, inputs: Tensor, lengths: Tensor) -> Tensor:
    """(batch, time, input), (batch,) -> those of the last layer (batch, time, directions * hidden), zero beyond the
    lengths."""
    time = inputs.size(1)
    turned = _turned(lengths, time)
    texts = _side_by_side(_run(layers, inputs, lengths, turned), turned)
    if turned is not None:
        within = torch.arange(time, device=inputs.device).unsqueeze(1) < lengths
        texts = texts * within.unsqueeze(-1)
    return texts.transpose(0, 1)


def final_states(layers: nn.RNNBase, inputs: Tensor, lengths: Tensor) -> Tensor:
    """(batch, time, input), (batch,) of at least 1 -> (batch, directions * hidden) of the last layer."""
    states = _run(layers, inputs, lengths, _turned(lengths, inputs.size(1)), last=lengths - 1)
    # (directions, batch, hidden) -> (batch, directions * hidden)
    return states.transpose(0, 1).flatten(1)


def _run(
    layers: nn.RNNBase, inputs: Tensor, lengths: Tensor, turned: Tensor | None, last: Tensor | None = None
) -> Tensor:
    """States of the last layer (time, directions, batch, hidden), or with `last` its final ones."""
    first, *others = layers_of(layers)
    states: Tensor = _first_layer(first, inputs, lengths, turned, None if others else last)
    for layer in others:
        projected = _project(layer, _side_by_side(states, turned), turned)
        states = _Run.apply(projected, None, None, layer, last if layer is others[-1] else None)
    return states


def _project(layer: Layer, texts: Tensor, turned: Tensor | None, *, biased: bool = True) -> Tensor:
    """What the input adds to the gates: (time, rows, input) -> (time, directions, rows, gates * hidden)."""
    texts = texts.contiguous()  # or each step is multiplied apart
    ways = [texts, _turn(texts, turned)] if len(layer.input_weights) > 1 else [texts]
    return torch.stack(layer.project(ways, biased=biased), dim=1)


def _first_layer(layer: Layer, inputs: Tensor, lengths: Tensor, turned: Tensor | None, last: Tensor | None) -> Any:
    line = line_of(inputs)
    # (batch, time, input) -> (time, batch, input)
    if line is None:
        return _Run.apply(_project(layer, inputs.transpose(0, 1), turned), None, None, layer, last)
    start, way = (end.transpose(0, 1) for end in line.ends())
    if turned is not None:
        turned = _turned(line.once(lengths), inputs.size(1))
    # (time, directions, lines * texts, gates) -> (time, directions, lines, 1, texts, gates)
    apart = (len(line.alphas), 1, line.texts)
    from_start = _project(layer, start, turned).unflatten(2, apart)
    with torch.no_grad():
        along = _project(layer, way, turned, biased=False).unflatten(2, apart)
    return _Run.apply(from_start, along, line.alphas[..., None, None], layer, last)


def _side_by_side(states: Tensor, turned: Tensor | None) -> Tensor:
    """Both directions in the order of the text: (time, directions, batch, hidden) -> (time, batch, directions *
    hidden)."""
    ways = states.unbind(1)
    return torch.cat([ways[0], *(_turn(way, turned) for way in ways[1:])], dim=-1)
