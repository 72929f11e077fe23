"""torch's RNN, GRU and LSTM where only the gradient of their input is wanted, as explanations do.

torch differentiates its own layers time step by time step, and the gradient of each step fills a tensor as long as the
whole input: quadratic in the length. Here both directions of a layer run side by side, what does not depend on the
step before is computed for all steps at once, and the way back is written out (Werbos, 1990).

Each cell takes what the input adds to its gates (time, directions, batch, gates * hidden), the weights of its state
(directions, hidden, gates * hidden) and their biases (directions, 1, gates * hidden), and gives its states
(time, directions, batch, hidden). A gradient goes to the first alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional


class Cell(ABC):
    """One kind of layer. What `forward` gives beyond the states is for `backward`."""

    @staticmethod
    @abstractmethod
    def forward(projected: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, ...]: ...

    @staticmethod
    @abstractmethod
    def backward(slopes: Tensor, weight: Tensor, kept: Sequence[Tensor]) -> Tensor:
        """Slopes of the states -> slopes of what was projected. May write into `slopes`."""


class TanhCell(Cell):
    """h = tanh(x + W h)."""

    @staticmethod
    def forward(projected: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        return (_simple(projected.add_(bias), weight, torch.tanh_),)

    @staticmethod
    def backward(slopes: Tensor, weight: Tensor, kept: Sequence[Tensor]) -> Tensor:
        (states,) = kept
        return _simple_back(slopes, weight, 1 - states * states)


class ReluCell(Cell):
    """h = max(0, x + W h)."""

    @staticmethod
    def forward(projected: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        return (_simple(projected.add_(bias), weight, torch.relu_),)

    @staticmethod
    def backward(slopes: Tensor, weight: Tensor, kept: Sequence[Tensor]) -> Tensor:
        (states,) = kept
        return _simple_back(slopes, weight, (states > 0).to(states.dtype))


def _simple(gates: Tensor, weight: Tensor, activation: Callable[[Tensor], Tensor]) -> Tensor:
    state = None
    for gate in gates:
        state = activation(gate if state is None else gate.baddbmm_(state, weight))
    return gates


def _simple_back(slopes: Tensor, weight: Tensor, factors: Tensor) -> Tensor:
    transposed = weight.transpose(1, 2)
    after = None
    for time in reversed(range(len(slopes))):
        if after is not None:
            slopes[time].baddbmm_(after, transposed)
        after = slopes[time].mul_(factors[time])
    return slopes


class GruCell(Cell):
    """Cho et al., 2014; gates in torch's order: reset, update, new."""

    @staticmethod
    def forward(projected: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        hidden = weight.size(1)
        gates = projected
        states = projected.new_zeros(len(gates) + 1, *gates.shape[1:3], hidden)
        recalled = torch.empty_like(states[1:])  # what the new gate sees of the state before
        for time, gate in enumerate(gates):
            own = torch.baddbmm(bias, states[time], weight)
            recalled[time] = own[..., 2 * hidden :]
            switches, new = gate[..., : 2 * hidden], gate[..., 2 * hidden :]
            switches.add_(own[..., : 2 * hidden]).sigmoid_()
            new.addcmul_(switches[..., :hidden], recalled[time]).tanh_()
            torch.lerp(new, states[time], switches[..., hidden:], out=states[time + 1])
        return states[1:], states, gates, recalled

    @staticmethod
    def backward(slopes: Tensor, weight: Tensor, kept: Sequence[Tensor]) -> Tensor:
        _, states, gates, recalled = kept
        transposed = weight.transpose(1, 2)
        found = torch.empty_like(gates)
        back = torch.empty_like(gates[0])
        to_reset, to_update, to_recalled = back.chunk(3, dim=-1)
        carried = torch.zeros_like(slopes[0])
        for time in reversed(range(len(gates))):
            reset, update, new = gates[time].chunk(3, dim=-1)
            total = carried.add_(slopes[time])
            _through_sigmoid(total * (states[time] - new), update, to_update)
            passed = total * update
            to_new = _through_tanh(total - passed, new, found[time].chunk(3, dim=-1)[2])
            _through_sigmoid(to_new * recalled[time], reset, to_reset)
            torch.mul(to_new, reset, out=to_recalled)
            found[time, ..., : -to_new.size(-1)] = back[..., : -to_new.size(-1)]
            carried = torch.baddbmm(passed, back, transposed)
        return found


class LstmCell(Cell):
    """Hochreiter and Schmidhuber, 1997; gates in torch's order: input, forget, cell, output."""

    @staticmethod
    def forward(projected: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        hidden = weight.size(1)
        gates = projected.add_(bias)
        cells = projected.new_zeros(len(gates) + 1, *gates.shape[1:3], hidden)
        shown = torch.empty_like(cells[1:])
        states = torch.empty_like(cells[1:])
        for time, gate in enumerate(gates):
            if time:
                gate.baddbmm_(states[time - 1], weight)
            gate[..., : 2 * hidden].sigmoid_()
            gate[..., 2 * hidden : 3 * hidden].tanh_()
            gate[..., 3 * hidden :].sigmoid_()
            admit, keep, new, show = gate.chunk(4, dim=-1)
            torch.mul(keep, cells[time], out=cells[time + 1]).addcmul_(admit, new)
            torch.tanh(cells[time + 1], out=shown[time])
            torch.mul(shown[time], show, out=states[time])
        return states, gates, cells, shown

    @staticmethod
    def backward(slopes: Tensor, weight: Tensor, kept: Sequence[Tensor]) -> Tensor:
        _, gates, cells, shown = kept
        transposed = weight.transpose(1, 2)
        found = torch.empty_like(gates)
        carried, cell = torch.zeros_like(slopes[0]), torch.zeros_like(slopes[0])
        for time in reversed(range(len(gates))):
            admit, keep, new, show = gates[time].chunk(4, dim=-1)
            to_admit, to_keep, to_new, to_show = found[time].chunk(4, dim=-1)
            total = carried.add_(slopes[time])
            _through_sigmoid(total * shown[time], show, to_show)
            cell += torch.ops.aten.tanh_backward(total * show, shown[time])
            _through_sigmoid(cell * new, admit, to_admit)
            _through_sigmoid(cell * cells[time], keep, to_keep)
            _through_tanh(cell * admit, new, to_new)
            cell *= keep
            carried = torch.bmm(found[time], transposed)
        return found


def _through_sigmoid(slope: Tensor, value: Tensor, out: Tensor) -> Tensor:
    """The slope before a sigmoid that gave `value`."""
    return torch.ops.aten.sigmoid_backward.grad_input(slope, value, grad_input=out)


def _through_tanh(slope: Tensor, value: Tensor, out: Tensor) -> Tensor:
    return torch.ops.aten.tanh_backward.grad_input(slope, value, grad_input=out)


class Layer(NamedTuple):
    """Weights of the input (directions, gates * hidden, input) and of the state (directions, hidden, gates * hidden),
    with biases (directions, 1, gates * hidden)."""

    cell: type[Cell]
    input_weight: Tensor
    input_bias: Tensor
    state_weight: Tensor
    state_bias: Tensor

    @classmethod
    def of(cls, layers: nn.RNNBase, number: int) -> Layer:
        suffixes = [f"_l{number}", f"_l{number}_reverse"][: 1 + layers.bidirectional]

        def stacked(name: str) -> Tensor:
            return torch.stack([getattr(layers, name + suffix) for suffix in suffixes])

        input_weight, state_weight = stacked("weight_ih"), stacked("weight_hh").transpose(1, 2)
        if layers.bias:
            biases = stacked("bias_ih").unsqueeze(1), stacked("bias_hh").unsqueeze(1)
        else:
            biases = (input_weight.new_zeros(len(suffixes), 1, input_weight.size(1)),) * 2
        return cls(CELLS[layers.mode], input_weight, biases[0], state_weight, biases[1])


CELLS: Mapping[str, type[Cell]] = {"RNN_TANH": TanhCell, "RNN_RELU": ReluCell, "GRU": GruCell, "LSTM": LstmCell}


class _RunLayer(Function):
    """(time, batch, input) -> (time, directions, batch, hidden), each direction in the order that it reads."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, layer: Layer, turned: Tensor) -> Tensor:
        directions = [inputs, _turn(inputs, turned)][: len(layer.input_weight)]
        # (time, batch, input) -> (directions, time * batch, input) -> (time, directions, batch, gates * hidden)
        projected = inputs.new_empty(len(inputs), len(directions), inputs.size(1), layer.input_weight.size(1))
        for number, text in enumerate(directions):
            projected[:, number] = functional.linear(text, layer.input_weight[number], layer.input_bias[number, 0])
        kept = layer.cell.forward(projected, layer.state_weight, layer.state_bias)
        ctx.save_for_backward(turned, *kept)
        ctx.layer = layer
        return kept[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        layer: Layer = ctx.layer
        turned, *kept = ctx.saved_tensors
        found = layer.cell.backward(slopes.clone(), layer.state_weight, kept)
        total = found[:, 0] @ layer.input_weight[0]
        for number in range(1, found.size(1)):
            total += _turn(found[:, number] @ layer.input_weight[number], turned)
        return total, None, None


def _turn(texts: Tensor, turned: Tensor) -> Tensor:
    """(time, batch, dim), each text in reverse; done twice it is as before."""
    return texts.gather(0, turned.unsqueeze(-1).expand_as(texts))


class _Turn(Function):
    @staticmethod
    def forward(ctx: Any, texts: Tensor, turned: Tensor) -> Tensor:
        ctx.save_for_backward(turned)
        return _turn(texts, turned)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        return _turn(slopes, *ctx.saved_tensors), None


def input_gradient_only(layers: nn.RNNBase) -> bool:
    """Whether `run` does what is asked of the layers: without gradients, or for those of weights, torch's do better."""
    frozen = not any(weight.requires_grad for weight in layers.parameters())
    return torch.is_grad_enabled() and frozen and not layers.proj_size


def run(layers: nn.RNNBase, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """All states of the last layer, and its final ones: (batch, time, input), (batch,) -> (batch, time, directions *
    hidden), zero beyond the lengths, and (batch, directions * hidden)."""
    steps = torch.arange(inputs.size(1), device=inputs.device).unsqueeze(1)
    # A text in reverse is turned within its own length: padding comes last either way, and nothing needs a mask.
    turned = lengths.unsqueeze(0) - 1 - steps
    turned = torch.where(turned < 0, steps, turned)  # (time, batch)
    texts = inputs.transpose(0, 1)  # (batch, time, input) -> (time, batch, input)
    for number in range(layers.num_layers):
        states: Tensor = _RunLayer.apply(texts, Layer.of(layers, number), turned)
        ways = states.unbind(1)
        texts = torch.cat([ways[0], *(_Turn.apply(way, turned) for way in ways[1:])], dim=-1)
    last = (lengths - 1).clamp(min=0)
    final = states[last, :, torch.arange(len(last), device=last.device)].flatten(1)  # (batch, directions * hidden)
    within = (steps < lengths).unsqueeze(-1)
    return (texts * within).transpose(0, 1), final
