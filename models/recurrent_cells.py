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
    """What the input adds to the gates: (time, directions, rows, gates * hidden), longest rows first.

    Where the rows are points of lines, what it adds at their starts: (time, directions, lines, 1, gates * hidden), with
    the ways of the same shape and the alphas (lines, points, 1). The rows are the points of one line after the other.
    """

    start: Tensor
    sizes: list[int]
    """How many rows, or lines, have each step. Beyond them states and gradients are zero."""
    way: Tensor | None = None
    alphas: Tensor | None = None


class Slopes(NamedTuple):
    """The gradient of the states (time, directions, rows, hidden), or where they are `final` of each row's last one
    (directions, rows, hidden)."""

    states: Tensor
    final: bool


def _points(inputs: Inputs) -> int:
    alphas = inputs.alphas
    return 1 if alphas is None else alphas.size(1)


def _rows(inputs: Inputs, time: int) -> int:
    """How many have a step."""
    return inputs.sizes[time] * _points(inputs) if time < len(inputs.sizes) else 0


def _of(tensor: Tensor, rows: int) -> Tensor:
    """The first rows of (directions, rows, ...)."""
    return tensor if rows == tensor.size(1) else tensor.narrow(1, 0, rows)


def _new_gates(inputs: Inputs) -> Tensor:
    """(time, directions, rows, gates * hidden), for `_fill`."""
    start = inputs.start
    if inputs.way is None:
        return start.detach()
    shape = [start.size(0), start.size(1), start.size(2) * _points(inputs), start.size(4)]
    return torch.empty(shape, dtype=start.dtype, device=start.device)


def _new_states(gates: Tensor, hidden: int, more: int = 0) -> Tensor:
    """(time + more, directions, rows, hidden), to be written but for the first `more`."""
    shape = [gates.size(0) + more, gates.size(1), gates.size(2), hidden]
    states = torch.empty(shape, dtype=gates.dtype, device=gates.device)
    states[:more].zero_()
    return states


def _clear(step: Tensor, rows: int) -> None:
    """What is behind those rows of (directions, rows, ...)."""
    if rows < step.size(1):
        step.narrow(1, rows, step.size(1) - rows).zero_()


def _fill(gate: Tensor, inputs: Inputs, time: int) -> None:
    """Puts what the input adds to the gates at a step into (directions, rows, gates * hidden)."""
    way, alphas = inputs.way, inputs.alphas
    if way is not None and alphas is not None:
        lines = inputs.sizes[time]
        start, along = _of(inputs.start[time], lines), _of(way[time], lines)
        # (directions, rows, width) -> (directions, lines, points, width)
        torch.addcmul(start, alphas[:lines], along, out=gate.unflatten(1, [lines, -1]))


def _room(gates: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """For the gradient, and for a step's before it is collected: the same place again, which stays in cache."""
    if inputs.way is None:
        return torch.empty_like(gates), gates[0]
    return torch.empty_like(inputs.start), torch.empty_like(gates[0])


def _step(found: Tensor, room: Tensor, inputs: Inputs, time: int) -> Tensor:
    return _of(found[time] if inputs.way is None else room, _rows(inputs, time))


def _collect(found: Tensor, step: Tensor, inputs: Inputs, time: int) -> None:
    """The points of a line add up."""
    lines = inputs.sizes[time]
    if inputs.way is not None:
        # (directions, rows, width) -> (directions, lines, points, width)
        torch.sum(step.unflatten(1, [lines, -1]), dim=[2], keepdim=True, out=_of(found[time], lines))
    _clear(found[time], lines)


def _add(slopes: Slopes, inputs: Inputs, time: int, carried: Tensor) -> None:
    """Adds the slopes of a step's states (directions, rows that have it, hidden)."""
    rows = carried.size(1)
    if slopes.final:
        longer = _rows(inputs, time + 1)
        carried.narrow(1, longer, rows - longer).add_(slopes.states.narrow(1, longer, rows - longer))
    else:
        carried += _of(slopes.states[time], rows)


@scripted
def simple_forward(inputs: Inputs, weight: Tensor, rectified: bool) -> Tensor:
    """Elman, 1990: h = f(x + W h), with tanh for f, or rectified. Gives the states."""
    states = _new_gates(inputs)
    for time in range(states.size(0)):
        rows = _rows(inputs, time)
        state = _of(states[time], rows)
        _fill(state, inputs, time)
        if time:
            state.baddbmm_(_of(states[time - 1], rows), weight)
        if rectified:
            state.relu_()
        else:
            state.tanh_()
        _clear(states[time], rows)
    return states


@scripted
def simple_backward(slopes: Slopes, inputs: Inputs, through: Tensor, states: Tensor, rectified: bool) -> Tensor:
    found, room = _room(states, inputs)
    all_carried = torch.zeros_like(states[0])
    for back in range(states.size(0)):
        time = states.size(0) - 1 - back
        rows = _rows(inputs, time)
        carried, state = _of(all_carried, rows), _of(states[time], rows)
        _add(slopes, inputs, time, carried)
        step = _step(found, room, inputs, time)
        if rectified:
            torch.mul(carried, state > 0, out=step)
        else:
            torch.ops.aten.tanh_backward(carried, state, grad_input=step)
        torch.bmm(step, through, out=carried)
        _collect(found, step, inputs, time)
    return found


@scripted
def gru_forward(inputs: Inputs, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cho et al., 2014; gates in torch's order: reset, update, new. `bias` (directions, 1, hidden) is the state's in
    the new gate.

    Gives the states with zeros before the first, the gates, and what the new gate recalls of the state before.
    """
    hidden = weight.size(1)
    gates = _new_gates(inputs)
    states = _new_states(gates, hidden, 1)
    recalled = _new_states(gates, hidden)
    for time in range(gates.size(0)):
        rows = _rows(inputs, time)
        gate, before, recall = _of(gates[time], rows), _of(states[time], rows), _of(recalled[time], rows)
        _fill(gate, inputs, time)
        switches, new = gate[:, :, : 2 * hidden], gate[:, :, 2 * hidden :]
        switches.baddbmm_(before, weight[:, :, : 2 * hidden]).sigmoid_()
        torch.baddbmm(bias, before, weight[:, :, 2 * hidden :], out=recall)
        new.addcmul_(switches[:, :, :hidden], recall).tanh_()
        torch.lerp(new, before, switches[:, :, hidden:], out=_of(states[time + 1], rows))
        _clear(states[time + 1], rows)
    return states, gates, recalled


@scripted
def gru_backward(
    slopes: Slopes, inputs: Inputs, through: Tensor, states: Tensor, gates: Tensor, recalled: Tensor
) -> Tensor:
    hidden = through.size(2)
    through_switches, through_new = through[:, : 2 * hidden], through[:, 2 * hidden :]
    found, room = _room(gates, inputs)
    all_carried, all_passed, all_to_recalled = (
        torch.zeros_like(states[0]), torch.empty_like(states[0]), torch.empty_like(states[0])
    )  # fmt: skip
    for back in range(gates.size(0)):
        time = gates.size(0) - 1 - back
        rows = _rows(inputs, time)
        carried, passed, to_recalled = _of(all_carried, rows), _of(all_passed, rows), _of(all_to_recalled, rows)
        _add(slopes, inputs, time, carried)
        reset, update, new = _of(gates[time], rows).chunk(3, dim=-1)
        step = _step(found, room, inputs, time)
        to_reset, to_update, to_new = step.chunk(3, dim=-1)
        torch.sub(_of(states[time], rows), new, out=passed)
        torch.ops.aten.sigmoid_backward(passed.mul_(carried), update, grad_input=to_update)
        torch.mul(carried, update, out=passed)
        torch.ops.aten.tanh_backward(carried.sub_(passed), new, grad_input=to_new)
        torch.mul(to_new, _of(recalled[time], rows), out=carried)
        torch.ops.aten.sigmoid_backward(carried, reset, grad_input=to_reset)
        torch.mul(to_new, reset, out=to_recalled)
        torch.baddbmm(passed, step[:, :, : 2 * hidden], through_switches, out=carried)
        carried.baddbmm_(to_recalled, through_new)
        _collect(found, step, inputs, time)
    return found


@scripted
def lstm_forward(inputs: Inputs, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Hochreiter and Schmidhuber, 1997; gates in torch's order: input, forget, cell, output.

    Gives the states, the gates, the cells with zeros before the first, and tanh of the others.
    """
    hidden = weight.size(1)
    gates = _new_gates(inputs)
    cells = _new_states(gates, hidden, 1)
    all_shown, states = _new_states(gates, hidden), _new_states(gates, hidden)
    for time in range(gates.size(0)):
        rows = _rows(inputs, time)
        gate, shown = _of(gates[time], rows), _of(all_shown[time], rows)
        _fill(gate, inputs, time)
        if time:
            gate.baddbmm_(_of(states[time - 1], rows), weight)
        gate[:, :, : 2 * hidden].sigmoid_()
        admit, keep, new, show = gate.chunk(4, dim=-1)
        new.tanh_()
        show.sigmoid_()
        cell = _of(cells[time + 1], rows)
        torch.mul(keep, _of(cells[time], rows), out=cell).addcmul_(admit, new)
        torch.tanh(cell, out=shown)
        torch.mul(shown, show, out=_of(states[time], rows))
        _clear(states[time], rows)
    return states, gates, cells, all_shown


@scripted
def lstm_backward(
    slopes: Slopes, inputs: Inputs, through: Tensor, states: Tensor, gates: Tensor, cells: Tensor, all_shown: Tensor
) -> Tensor:
    found, room = _room(gates, inputs)
    all_carried, all_cells, all_passing = (
        torch.zeros_like(states[0]), torch.zeros_like(states[0]), torch.empty_like(states[0])
    )  # fmt: skip
    for back in range(gates.size(0)):
        time = gates.size(0) - 1 - back
        rows = _rows(inputs, time)
        carried, cell, passing = _of(all_carried, rows), _of(all_cells, rows), _of(all_passing, rows)
        _add(slopes, inputs, time, carried)
        admit, keep, new, show = _of(gates[time], rows).chunk(4, dim=-1)
        shown = _of(all_shown[time], rows)
        step = _step(found, room, inputs, time)
        to_admit, to_keep, to_new, to_show = step.chunk(4, dim=-1)
        torch.mul(carried, shown, out=passing)
        torch.ops.aten.sigmoid_backward(passing, show, grad_input=to_show)
        torch.ops.aten.tanh_backward(carried.mul_(show), shown, grad_input=passing)
        cell += passing
        torch.mul(cell, new, out=passing)
        torch.ops.aten.sigmoid_backward(passing, admit, grad_input=to_admit)
        torch.mul(cell, _of(cells[time], rows), out=passing)
        torch.ops.aten.sigmoid_backward(passing, keep, grad_input=to_keep)
        torch.mul(cell, admit, out=passing)
        torch.ops.aten.tanh_backward(passing, new, grad_input=to_new)
        cell *= keep
        torch.bmm(step, through, out=carried)
        _collect(found, step, inputs, time)
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
