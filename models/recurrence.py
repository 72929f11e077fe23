"""torch's RNN, GRU and LSTM where only the gradient of their input is wanted, as explanations do.

torch differentiates its own layers time step by time step, and the gradient of each step fills a tensor as long as the
whole input: quadratic in the length. Here both directions of a layer run side by side, and what does not depend on the
step before is computed for all steps at once; where the rows are points of lines, at the ends of the lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from models.line import line_of
from models.recurrent_cells import CELLS, Cell, Inputs, Slopes


class Layer(NamedTuple):
    """Weights of the input (directions, gates * hidden, input) with biases (directions, gates * hidden), and what a
    Cell takes."""

    cell: Cell
    input_weight: Tensor
    input_bias: Tensor
    state_weight: Tensor
    weight_back: Tensor
    state_bias: Tensor

    @classmethod
    def of(cls, layers: nn.RNNBase, number: int) -> Layer:
        suffixes = [f"_l{number}", f"_l{number}_reverse"][: 1 + layers.bidirectional]

        def stacked(name: str) -> Tensor:
            return torch.stack([getattr(layers, name + suffix) for suffix in suffixes])

        input_weight, weight_back = stacked("weight_ih"), stacked("weight_hh")
        if layers.bias:
            input_bias, state_bias = stacked("bias_ih"), stacked("bias_hh")
        else:
            input_bias = state_bias = input_weight.new_zeros(input_weight.shape[:2])
        cell = CELLS[layers.mode]
        early = input_bias.size(1) - cell.late_gates * layers.hidden_size
        input_bias = torch.cat([input_bias[:, :early] + state_bias[:, :early], input_bias[:, early:]], dim=1)
        state_weight = weight_back.transpose(1, 2).contiguous()  # (directions, hidden, gates * hidden)
        return cls(cell, input_weight, input_bias, state_weight, weight_back, state_bias[:, early:].unsqueeze(1))

    def project(self, texts: Tensor, turned: Tensor | None, *, biased: bool = True) -> Tensor:
        """What the input adds to the gates: (time, rows, input) -> (time, directions, rows, gates * hidden)."""
        texts = texts.contiguous()  # or each step is multiplied apart
        ways = [texts, _turn(texts, turned)] if len(self.input_weight) > 1 else [texts]
        biases = self.input_bias if biased else [None] * len(ways)
        projected = [functional.linear(*one) for one in zip(ways, self.input_weight, biases, strict=True)]
        return torch.stack(projected, dim=1)


_LAYERS: WeakKeyDictionary[nn.RNNBase, tuple[object, Sequence[Layer]]] = WeakKeyDictionary()


def layers_of(layers: nn.RNNBase) -> Sequence[Layer]:
    """From the first to the last; made once, and again when the weights are others."""
    weights = [(weight.data_ptr(), weight._version) for weight in layers.parameters()]
    known, found = _LAYERS.get(layers, (None, ()))
    if known != weights:
        found = [Layer.of(layers, number) for number in range(layers.num_layers)]
        _LAYERS[layers] = weights, found
    return found


class _Run(Function):
    """All states of a layer (time, directions, rows, hidden), or with `last` (rows,) the final ones alone (directions,
    rows, hidden). `way` and `alphas` are None where each row has inputs of its own."""

    @staticmethod
    def forward(
        ctx: Any, start: Tensor, way: Tensor | None, alphas: Tensor | None, layer: Layer, last: Tensor | None
    ) -> Tensor:
        inputs = Inputs(start, way, alphas)
        kept = layer.cell.forward(inputs, layer.state_weight, layer.state_bias)
        ctx.inputs, ctx.layer, ctx.last = inputs, layer, last
        ctx.save_for_backward(*kept)
        states = kept[0][layer.cell.states_from :]
        # Never a tensor that `ctx` keeps: the two would keep each other.
        return states.view_as(states) if last is None else states[last, :, torch.arange(len(last))].transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, found: Tensor) -> tuple[Tensor | None, ...]:
        slopes = Slopes(found, ctx.last)
        return ctx.layer.cell.backward(slopes, ctx.inputs, ctx.layer.weight_back, *ctx.saved_tensors), *[None] * 4


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
        projected = layer.project(_side_by_side(states, turned), turned)
        states = _Run.apply(projected, None, None, layer, last if layer is others[-1] else None)
    return states


def _first_layer(layer: Layer, inputs: Tensor, lengths: Tensor, turned: Tensor | None, last: Tensor | None) -> Any:
    line = line_of(inputs)
    # (batch, time, input) -> (time, batch, input)
    if line is None:
        return _Run.apply(layer.project(inputs.transpose(0, 1), turned), None, None, layer, last)
    start, way = (end.transpose(0, 1) for end in line.ends())
    if turned is not None:
        turned = _turned(line.once(lengths), inputs.size(1))
    # (time, directions, lines * texts, gates) -> (time, directions, lines, 1, texts, gates)
    apart = (len(line.alphas), 1, line.texts)
    from_start = layer.project(start, turned).unflatten(2, apart)
    with torch.no_grad():
        along = layer.project(way, turned, biased=False).unflatten(2, apart)
    return _Run.apply(from_start, along, line.alphas[..., None, None], layer, last)


def _side_by_side(states: Tensor, turned: Tensor | None) -> Tensor:
    """Both directions in the order of the text: (time, directions, batch, hidden) -> (time, batch, directions *
    hidden)."""
    ways = states.unbind(1)
    return torch.cat([ways[0], *(_turn(way, turned) for way in ways[1:])], dim=-1)
