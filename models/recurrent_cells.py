"""The cells of torch's RNN, GRU and LSTM step by step, with the way back written out (Werbos, 1990).

A gradient goes to what the input adds to the gates, and to nothing else. The states are (time, directions, rows,
hidden), each direction in the order that it reads. The weights of the state are (directions, hidden, gates * hidden) on
the way forward and (directions, gates * hidden, hidden) on the way back, where a product by the transposed ones would
take a third longer.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from models.scripted import scripted


class Inputs(NamedTuple):
    """What the input adds to the gates: (time, directions, rows, gates * hidden).

    Where the rows are points of lines, what it adds at their starts: (time, directions, lines, 1, texts, gates *
    hidden), with the ways of the same shape and the alphas (lines, points, 1, 1).
    """

    start: Tensor
    way: Tensor | None = None
    alphas: Tensor | None = None


class Slopes(NamedTuple):
    """The gradient of the states (time, directions, rows, hidden); where `last` (rows,) holds each row's last step, of
    the states at that alone (directions, rows, hidden)."""

    states: Tensor
    last: Tensor | None = None


def _split(inputs: Inputs) -> list[int]:
    """What rows divide into: lines, points, texts."""
    alphas = inputs.alphas
    assert alphas is not None
    return [alphas.size(0), alphas.size(1), inputs.start.size(4)]


def _new_gates(inputs: Inputs) -> Tensor:
    """(time, directions, rows, gates * hidden), for `_fill`."""
    start, alphas = inputs.start, inputs.alphas
    if alphas is None:
        return start.detach()
    return torch.empty(
        [start.size(0), start.size(1), start.size(2) * alphas.size(1) * start.size(4), start.size(5)],
        dtype=start.dtype,
        device=start.device,
    )


def _with_zeros_before(gates: Tensor, hidden: int) -> Tensor:
    """(time + 1, directions, rows, hidden), to be written but for the first."""
    states = torch.empty(
        [gates.size(0) + 1, gates.size(1), gates.size(2), hidden], dtype=gates.dtype, device=gates.device
    )
    states[0].zero_()
    return states


def _fill(gate: Tensor, inputs: Inputs, time: int) -> None:
    """Puts what the input adds to the gates at a step into (directions, rows, gates * hidden)."""
    way, alphas = inputs.way, inputs.alphas
    if way is not None and alphas is not None:
        # (directions, rows, width) -> (directions, lines, points, texts, width)
        torch.addcmul(inputs.start[time], alphas, way[time], out=gate.unflatten(1, _split(inputs)))


def _room(gates: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """For the gradient, and for a step's before it is collected: the same place again, which stays in cache."""
    if inputs.way is None:
        return torch.empty_like(gates), gates[0]
    return torch.empty_like(inputs.start), torch.empty_like(gates[0])


def _step(found: Tensor, room: Tensor, inputs: Inputs, time: int) -> Tensor:
    return found[time] if inputs.way is None else room


def _collect(found: Tensor, room: Tensor, inputs: Inputs, time: int) -> None:
    """The points of a line add up."""
    if inputs.way is not None:
        torch.sum(room.unflatten(1, _split(inputs)), dim=[2], keepdim=True, out=found[time])


def _add(slopes: Slopes, time: int, carried: Tensor) -> None:
    """Adds the slopes of a step's states."""
    last = slopes.last
    if last is None:
        carried += slopes.states[time]
    else:
        rows = (last == time).nonzero().squeeze(1)
        if rows.size(0):
            carried[:, rows] += slopes.states[:, rows]


@scripted
def simple_forward(inputs: Inputs, weight: Tensor, rectified: bool) -> Tensor:
    """Elman, 1990: h = f(x + W h), with tanh for f, or rectified. Gives the states."""
    states = _new_gates(inputs)
    for time in range(states.size(0)):
        _fill(states[time], inputs, time)
        if time:
            states[time].baddbmm_(states[time - 1], weight)
        if rectified:
            states[time].relu_()
        else:
            states[time].tanh_()
    return states


@scripted
def simple_backward(slopes: Slopes, inputs: Inputs, through: Tensor, states: Tensor, rectified: bool) -> Tensor:
    found, room = _room(states, inputs)
    carried = torch.zeros_like(states[0])
    for back in range(states.size(0)):
        time = states.size(0) - 1 - back
        _add(slopes, time, carried)
        step = _step(found, room, inputs, time)
        if rectified:
            torch.mul(carried, states[time] > 0, out=step)
        else:
            torch.ops.aten.tanh_backward(carried, states[time], grad_input=step)
        torch.bmm(step, through, out=carried)
        _collect(found, room, inputs, time)
    return found


@scripted
def gru_forward(inputs: Inputs, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cho et al., 2014; gates in torch's order: reset, update, new. `bias` (directions, 1, hidden) is the state's in
    the new gate.

    Gives the states with zeros before the first, the gates, and what the new gate recalls of the state before.
    """
    hidden = weight.size(1)
    gates = _new_gates(inputs)
    states = _with_zeros_before(gates, hidden)
    recalled = torch.empty_like(states[1:])
    for time in range(gates.size(0)):
        _fill(gates[time], inputs, time)
        switches, new = gates[time, :, :, : 2 * hidden], gates[time, :, :, 2 * hidden :]
        switches.baddbmm_(states[time], weight[:, :, : 2 * hidden]).sigmoid_()
        torch.baddbmm(bias, states[time], weight[:, :, 2 * hidden :], out=recalled[time])
        new.addcmul_(switches[:, :, :hidden], recalled[time]).tanh_()
        torch.lerp(new, states[time], switches[:, :, hidden:], out=states[time + 1])
    return states, gates, recalled


@scripted
def gru_backward(
    slopes: Slopes, inputs: Inputs, through: Tensor, states: Tensor, gates: Tensor, recalled: Tensor
) -> Tensor:
    hidden = through.size(2)
    through_switches, through_new = through[:, : 2 * hidden], through[:, 2 * hidden :]
    found, room = _room(gates, inputs)
    carried, passed, to_recalled = (
        torch.zeros_like(states[0]), torch.empty_like(states[0]), torch.empty_like(states[0])
    )  # fmt: skip
    for back in range(gates.size(0)):
        time = gates.size(0) - 1 - back
        _add(slopes, time, carried)
        reset, update, new = gates[time].chunk(3, dim=-1)
        step = _step(found, room, inputs, time)
        to_reset, to_update, to_new = step.chunk(3, dim=-1)
        torch.sub(states[time], new, out=passed)
        torch.ops.aten.sigmoid_backward(passed.mul_(carried), update, grad_input=to_update)
        torch.mul(carried, update, out=passed)
        torch.ops.aten.tanh_backward(carried.sub_(passed), new, grad_input=to_new)
        torch.mul(to_new, recalled[time], out=carried)
        torch.ops.aten.sigmoid_backward(carried, reset, grad_input=to_reset)
        torch.mul(to_new, reset, out=to_recalled)
        torch.baddbmm(passed, step[:, :, : 2 * hidden], through_switches, out=carried)
        carried.baddbmm_(to_recalled, through_new)
        _collect(found, room, inputs, time)
    return found


@scripted
def lstm_forward(inputs: Inputs, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Hochreiter and Schmidhuber, 1997; gates in torch's order: input, forget, cell, output.

    Gives the states, the gates, the cells with zeros before the first, and tanh of the others.
    """
    hidden = weight.size(1)
    gates = _new_gates(inputs)
    cells = _with_zeros_before(gates, hidden)
    shown, states = torch.empty_like(cells[1:]), torch.empty_like(cells[1:])
    for time in range(gates.size(0)):
        gate = gates[time]
        _fill(gate, inputs, time)
        if time:
            gate.baddbmm_(states[time - 1], weight)
        gate[:, :, : 2 * hidden].sigmoid_()
        admit, keep, new, show = gate.chunk(4, dim=-1)
        new.tanh_()
        show.sigmoid_()
        torch.mul(keep, cells[time], out=cells[time + 1]).addcmul_(admit, new)
        torch.tanh(cells[time + 1], out=shown[time])
        torch.mul(shown[time], show, out=states[time])
    return states, gates, cells, shown


@scripted
def lstm_backward(
    slopes: Slopes, inputs: Inputs, through: Tensor, states: Tensor, gates: Tensor, cells: Tensor, shown: Tensor
) -> Tensor:
    found, room = _room(gates, inputs)
    carried, cell, passing = torch.zeros_like(states[0]), torch.zeros_like(states[0]), torch.empty_like(states[0])
    for back in range(gates.size(0)):
        time = gates.size(0) - 1 - back
        _add(slopes, time, carried)
        admit, keep, new, show = gates[time].chunk(4, dim=-1)
        step = _step(found, room, inputs, time)
        to_admit, to_keep, to_new, to_show = step.chunk(4, dim=-1)
        torch.mul(carried, shown[time], out=passing)
        torch.ops.aten.sigmoid_backward(passing, show, grad_input=to_show)
        torch.ops.aten.tanh_backward(carried.mul_(show), shown[time], grad_input=passing)
        cell += passing
        torch.mul(cell, new, out=passing)
        torch.ops.aten.sigmoid_backward(passing, admit, grad_input=to_admit)
        torch.mul(cell, cells[time], out=passing)
        torch.ops.aten.sigmoid_backward(passing, keep, grad_input=to_keep)
        torch.mul(cell, admit, out=passing)
        torch.ops.aten.tanh_backward(passing, new, grad_input=to_new)
        cell *= keep
        torch.bmm(step, through, out=carried)
        _collect(found, room, inputs, time)
    return found


class Cell(NamedTuple):
    """One kind of layer: Inputs, state weight and late biases -> states and what else `backward` takes after Slopes,
    Inputs and the weight on the way back."""

    forward: Callable[..., tuple[Tensor, ...]]
    backward: Callable[..., Tensor]
    states_from: int = 0
    """Where the states begin: zeros may stand before them."""


def _simple(rectified: bool) -> Cell:
    return Cell(
        lambda inputs, weight, late: (simple_forward(inputs, weight, rectified),),
        lambda slopes, inputs, through, states: simple_backward(slopes, inputs, through, states, rectified),
    )


CELLS = {
    "RNN_TANH": _simple(rectified=False),
    "RNN_RELU": _simple(rectified=True),
    "GRU": Cell(gru_forward, gru_backward, states_from=1),
    "LSTM": Cell(lambda inputs, weight, late: lstm_forward(inputs, weight), lstm_backward),
}
