"""The weights of torch's RNN, GRU and LSTM, layer by layer, as the loops over their steps take them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional

LATE_GATES = {"GRU": 1}
"""How many gates, the last ones, see the state apart, so that its bias cannot join the input's."""


class Weights(NamedTuple):
    """Of a layer on the way forward, direction by direction. An LSTM's gates are in the order input, forget, output,
    cell: the first three have the same curve."""

    input: Tensor
    """(directions, input, gates * hidden)"""
    bias: Tensor
    """(directions, gates * hidden)"""
    state: Tensor
    """(directions, hidden, gates * hidden)"""
    late_bias: Tensor
    """(directions, 1, late gates * hidden)"""


@dataclass(frozen=True)
class Layer:
    """Of each direction the weight of the input (gates * hidden, input), of both the biases that are added to it
    (directions, gates * hidden) and the state's in its late gates (directions, 1, late gates * hidden)."""

    mode: str
    input_weights: Sequence[Tensor]
    input_bias: Tensor
    state_bias: Tensor
    _state_weights: Sequence[Tensor]

    @classmethod
    def of(cls, layers: nn.RNNBase, number: int) -> Self:
        suffixes = [f"_l{number}", f"_l{number}_reverse"][: 1 + layers.bidirectional]

        def each(name: str) -> list[Tensor]:
            return [getattr(layers, name + suffix) for suffix in suffixes]

        state_weights = each("weight_hh")
        if layers.bias:
            input_bias, state_bias = torch.stack(each("bias_ih")), torch.stack(each("bias_hh"))
        else:
            input_bias = state_bias = state_weights[0].new_zeros(len(suffixes), len(state_weights[0]))
        early = input_bias.size(1) - LATE_GATES.get(layers.mode, 0) * layers.hidden_size
        input_bias = torch.cat([input_bias[:, :early] + state_bias[:, :early], input_bias[:, early:]], dim=1)
        return cls(layers.mode, each("weight_ih"), input_bias, state_bias[:, early:].unsqueeze(1), state_weights)

    @cached_property
    def weight_back(self) -> Tensor:
        """The state's: (directions, gates * hidden, hidden)."""
        return torch.stack([*self._state_weights])

    @cached_property
    def state_weight(self) -> Tensor:
        """(directions, hidden, gates * hidden)."""
        return torch.stack([weight.t() for weight in self._state_weights])

    @cached_property
    def weights(self) -> Weights:
        input_weight = torch.stack([weight.t() for weight in self.input_weights])  # (directions, input, gates * hidden)
        ordered = _cell_gate_last if self.mode == "LSTM" else Tensor.contiguous
        return Weights(ordered(input_weight), ordered(self.input_bias), ordered(self.state_weight), self.state_bias)

    def project(self, ways: Sequence[Tensor], *, biased: bool = True) -> list[Tensor]:
        """What each direction's input, in the order that it reads, adds to the gates: (..., input) -> (..., gates *
        hidden)."""
        biases = self.input_bias if biased else [None] * len(ways)
        return [functional.linear(*one) for one in zip(ways, self.input_weights, biases, strict=True)]


def _cell_gate_last(weight: Tensor) -> Tensor:
    """(..., gates * hidden) in torch's order: input, forget, cell, output."""
    admit, keep, new, show = weight.chunk(4, dim=-1)
    return torch.cat([admit, keep, show, new], dim=-1)


def state_of_weights(module: nn.Module) -> object:
    """Equal as long as nothing has changed them."""
    return [(weight.data_ptr(), weight._version) for weight in module.parameters()]


_LAYERS: WeakKeyDictionary[nn.RNNBase, tuple[object, Sequence[Layer]]] = WeakKeyDictionary()


def layers_of(layers: nn.RNNBase) -> Sequence[Layer]:
    """From the first to the last; made once, and again when the weights are others."""
    weights = state_of_weights(layers)
    known, found = _LAYERS.get(layers, (None, ()))
    if known != weights:
        with torch.no_grad(), torch.inference_mode(False):
            found = [Layer.of(layers, number) for number in range(layers.num_layers)]
        _LAYERS[layers] = weights, found
    return found
