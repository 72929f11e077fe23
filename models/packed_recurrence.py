"""torch's RNN, GRU and LSTM where only the states are wanted, as predictions do, in one call of TorchScript.

Texts are packed: the first step of all, longest text first, then the second step of those that have one, and so on.
torch's own layers ask for new memory at every step, for each gate apart, and run one direction after the other.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.lone_rows import as_if_alone
from models.recurrent_layers import Weights, layers_of
from models.scripted import scripted


class Packing(NamedTuple):
    order: Tensor
    """(batch,) which text is where."""
    sizes: list[int]
    """How many texts have each step."""
    places: Tensor
    """(tokens,) where the packed tokens come from among the padded positions."""
    turned: Tensor
    """(tokens,) where each is once its text is reversed."""
    last: Tensor
    """(batch,) where the last token of each text is."""


def _packing(lengths: Tensor, time: int) -> Packing:
    """Of (batch,) lengths of at least 1 among `time` padded positions."""
    batch = lengths.size(0)
    if batch == 1:
        places = torch.arange(int(lengths), device=lengths.device)  # (tokens,)
        return Packing(torch.zeros_like(lengths), [1] * places.size(0), places, places.flip(0), lengths - 1)
    ordered, order = lengths.sort(descending=True)  # (batch,), (batch,)
    steps = torch.arange(int(ordered[0]), device=lengths.device)  # (steps,)
    within = ordered > steps.unsqueeze(1)  # (steps, batch)
    counts = within.sum(dim=1)  # (steps,)
    starts = counts.cumsum(dim=0) - counts  # (steps,)
    step, text = within.nonzero().unbind(dim=1)  # (tokens,), (tokens,)
    turned = starts[ordered[text] - 1 - step] + text
    last = starts[ordered - 1] + torch.arange(batch, device=lengths.device)
    sizes: list[int] = counts.tolist()
    return Packing(order, sizes, order[text] * time + step, turned, last)


def _simple_steps(gates: Tensor, weight: Tensor, sizes: list[int], rectified: bool, states: Tensor) -> None:
    """Elman, 1990: h = f(x + W h), with tanh for f, or rectified."""
    first, before = 0, 0
    for size in sizes:
        gate, state = gates.narrow(1, first, size), states.narrow(1, first, size)
        if first > 0:
            gate.baddbmm_(states.narrow(1, before, size), weight)
        if rectified:
            torch.clamp(gate, min=0.0, out=state)
        else:
            torch.tanh(gate, out=state)
        before = first
        first += size


def _gru_steps(gates: Tensor, weight: Tensor, bias: Tensor, sizes: list[int], states: Tensor) -> None:
    """Cho et al., 2014; gates in torch's order: reset, update, new. `bias` (directions, 1, hidden) is the state's in
    the new gate."""
    hidden = weight.size(1)
    last = torch.zeros([gates.size(0), sizes[0], hidden], dtype=gates.dtype, device=gates.device)
    first = 0
    for size in sizes:
        gate, last = gates.narrow(1, first, size), last.narrow(1, 0, size)
        recalled = torch.bmm(last, weight)  # (directions, size, 3 * hidden)
        switches = recalled.narrow(2, 0, 2 * hidden).add_(gate.narrow(2, 0, 2 * hidden)).sigmoid_()
        new = recalled.narrow(2, 2 * hidden, hidden).add_(bias).mul_(switches.narrow(2, 0, hidden))
        new.add_(gate.narrow(2, 2 * hidden, hidden)).tanh_()
        state = states.narrow(1, first, size)
        torch.lerp(new, last, switches.narrow(2, hidden, hidden), out=state)
        last = state
        first += size


def _lstm_steps(gates: Tensor, weight: Tensor, sizes: list[int], states: Tensor) -> None:
    """Hochreiter and Schmidhuber, 1997; gates in the order of Weights: input, forget, output, cell."""
    hidden = weight.size(1)
    cells = torch.zeros([gates.size(0), sizes[0], hidden], dtype=gates.dtype, device=gates.device)
    first, before = 0, 0
    for size in sizes:
        gate = gates.narrow(1, first, size)
        if first > 0:
            gate.baddbmm_(states.narrow(1, before, size), weight)
        gate.narrow(2, 0, 3 * hidden).sigmoid_()
        new = gate.narrow(2, 3 * hidden, hidden).tanh_()
        cell = cells.narrow(1, 0, size)
        cell.mul_(gate.narrow(2, hidden, hidden)).addcmul_(gate.narrow(2, 0, hidden), new)
        state = states.narrow(1, first, size)
        torch.tanh(cell, out=state)
        state.mul_(gate.narrow(2, 2 * hidden, hidden))
        before = first
        first += size


def _steps(mode: str, gates: Tensor, weight: Tensor, bias: Tensor, sizes: list[int], states: Tensor) -> None:
    """Fills the states (directions, tokens, hidden), each direction in the order that it reads. `gates` (directions,
    tokens, gates * hidden), what the input adds to them, is written over."""
    if mode == "LSTM":
        _lstm_steps(gates, weight, sizes, states)
    elif mode == "GRU":
        _gru_steps(gates, weight, bias, sizes, states)
    else:
        _simple_steps(gates, weight, sizes, mode == "RNN_RELU", states)


def _layer(mode: str, data: Tensor, weights: Weights, packing: Packing, narrow: int = 128, small: int = 8192) -> Tensor:
    """(tokens, input) -> (directions, tokens, hidden). Directions run together where layers are `narrow` and steps have
    a `small` number of states: larger products are faster by themselves."""
    ways, hidden = weights.state.size(0), weights.state.size(1)
    gates = data.new_empty([ways, data.size(0), weights.input.size(2)])
    states = data.new_empty([ways, data.size(0), hidden])
    for way in range(ways):
        read = data if way == 0 else data.index_select(0, packing.turned)  # (tokens, input)
        torch.addmm(weights.bias[way], read, weights.input[way], out=gates[way])
    together = ways if hidden <= narrow and packing.sizes[0] * hidden <= small else 1
    for way in range(0, ways, together):
        _steps(
            mode,
            gates.narrow(0, way, together),
            weights.state.narrow(0, way, together),
            weights.late_bias.narrow(0, way, together),
            packing.sizes,
            states.narrow(0, way, together),
        )
    return states


def _joined(states: Tensor, packing: Packing) -> Tensor:
    """(directions, tokens, hidden), each in its own order -> (tokens, directions * hidden)."""
    if states.size(0) == 1:
        return states[0]
    return torch.cat([states[0], states[1].index_select(0, packing.turned)], dim=1)


def _last_layer(mode: str, inputs: Tensor, layers: list[Weights], packing: Packing) -> Tensor:
    """(batch, length, input) -> (directions, tokens, hidden)."""
    data = inputs.flatten(0, 1).index_select(0, packing.places)  # (tokens, input)
    for number in range(len(layers) - 1):
        data = _joined(_layer(mode, data, layers[number], packing), packing)  # (tokens, directions * hidden)
    return _layer(mode, data, layers[-1], packing)


@scripted
def _final_states(mode: str, inputs: Tensor, mask: Tensor, layers: list[Weights], empty: float) -> Tensor:
    lengths = mask.sum(dim=1)  # (batch,)
    packing = _packing(lengths.clamp(min=1), inputs.size(1))
    states = _last_layer(mode, inputs, layers, packing).index_select(1, packing.last)  # (directions, batch, hidden)
    rows = states.transpose(0, 1).flatten(1)  # (batch, directions * hidden)
    return as_if_alone(torch.empty_like(rows).index_copy(0, packing.order, rows), mask, lengths, empty)


@scripted
def _all_states(mode: str, inputs: Tensor, mask: Tensor, layers: list[Weights], empty: float) -> Tensor:
    lengths = mask.sum(dim=1)  # (batch,)
    packing = _packing(lengths.clamp(min=1), inputs.size(1))
    tokens = _joined(_last_layer(mode, inputs, layers, packing), packing)  # (tokens, directions * hidden)
    padded = tokens.new_zeros([inputs.size(0) * inputs.size(1), tokens.size(1)])
    # (batch, length, directions * hidden)
    states = padded.index_copy(0, packing.places, tokens).unflatten(0, [inputs.size(0), inputs.size(1)])
    return as_if_alone(states, mask, lengths, empty)


def states_only(layers: nn.RNNBase, inputs: Tensor) -> bool:
    """Whether the functions below do what is asked; a GPU has better ways."""
    return not (torch.is_grad_enabled() or inputs.is_cuda or layers.proj_size)


def final_states(layers: nn.RNNBase, inputs: Tensor, mask: Tensor, empty: float = 0.0) -> Tensor:
    """(batch, length, input), (batch, length) -> (batch, directions * hidden) of the last layer; `empty` for a row
    without tokens, and for others what `as_if_alone` says."""
    return _final_states(layers.mode, inputs, mask, _weights(layers), empty)


def all_states(layers: nn.RNNBase, inputs: Tensor, mask: Tensor, empty: float = 0.0) -> Tensor:
    """(batch, length, input), (batch, length) -> those of the last layer (batch, length, directions * hidden), zero
    beyond the lengths; rows as above."""
    return _all_states(layers.mode, inputs, mask, _weights(layers), empty)


def _weights(layers: nn.RNNBase) -> list[Weights]:
    return [layer.weights for layer in layers_of(layers)]
