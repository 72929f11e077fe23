"""The layers made for explaining give torch's numbers and torch's slopes; those for predicting its numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models import packed_recurrence
from models.line import Line, line_of
from models.recurrence import all_states, final_states, input_gradient_only

BATCH, TIME, INPUT, HIDDEN = 5, 9, 4, 3
KINDS = {
    "gru": nn.GRU(INPUT, HIDDEN, batch_first=True),
    "gru, two layers, both ways": nn.GRU(INPUT, HIDDEN, num_layers=2, bidirectional=True, batch_first=True),
    "lstm": nn.LSTM(INPUT, HIDDEN, batch_first=True),
    "lstm, three layers, both ways": nn.LSTM(INPUT, HIDDEN, num_layers=3, bidirectional=True, batch_first=True),
    "lstm without biases": nn.LSTM(INPUT, HIDDEN, bias=False, bidirectional=True, batch_first=True),
    "rnn": nn.RNN(INPUT, HIDDEN, bidirectional=True, batch_first=True),
    "rectified rnn": nn.RNN(INPUT, HIDDEN, nonlinearity="relu", num_layers=2, batch_first=True),
}

LENGTHS = {
    "padded": (TIME, 1, 4, 7, 2),
    "padded, all of them": (1, 5, 1, 6, 5),
    "of one length": (TIME,) * BATCH,
    "of one length, padded": (3,) * BATCH,
}


def by_us(layers: nn.RNNBase, texts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    return all_states(layers, texts, lengths), final_states(layers, texts, lengths)


def by_torch(layers: nn.RNNBase, texts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    packed = pack_padded_sequence(texts, lengths, batch_first=True, enforce_sorted=False)
    output, state = layers(packed)
    state = state[0] if isinstance(state, tuple) else state
    last = state[-(1 + layers.bidirectional) :].transpose(0, 1).flatten(1)
    return pad_packed_sequence(output, batch_first=True, total_length=texts.size(1))[0], last


@pytest.mark.parametrize("layers", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_states_and_slopes_are_torchs(layers: nn.RNNBase, lengths: tuple[int, ...]) -> None:
    compare(layers, torch.tensor(lengths))


def compare(layers: nn.RNNBase, lengths: Tensor) -> None:
    layers.eval().requires_grad_(False)
    torch.manual_seed(7)
    texts = torch.randn(BATCH, TIME, INPUT, requires_grad=True)
    width = HIDDEN * (1 + layers.bidirectional)
    weight_of_all, weight_of_last = torch.randn(BATCH, TIME, width), torch.randn(BATCH, width)
    found = []
    for way in (by_us, by_torch):
        every, last = way(layers, texts, lengths)
        value = (every * weight_of_all).sum() + (last * weight_of_last).sum()
        found.append((every, last, *torch.autograd.grad(value, texts)))
    for own, original in zip(*found, strict=True):
        torch.testing.assert_close(own, original, atol=1e-6, rtol=1e-5)


def test_the_slopes_of_every_state_are_true() -> None:
    layers = nn.LSTM(INPUT, HIDDEN, bidirectional=True, batch_first=True).double().requires_grad_(False)
    texts = torch.randn(2, 4, INPUT, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda one: by_us(layers, one, torch.tensor([4, 2])), (texts,))


@pytest.mark.parametrize("layers", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("texts", [(), (2,)], ids=["text", "texts"])
def test_points_of_lines_have_the_states_and_slopes_of_any_points(layers: nn.RNNBase, texts: tuple[int, ...]) -> None:
    layers.eval().requires_grad_(False)
    torch.manual_seed(8)
    start = torch.randn(3, *texts, TIME, INPUT, requires_grad=True)
    line = Line(start, torch.randn_like(start), torch.rand(3, 4))
    lengths = torch.randint(1, TIME + 1, (3, 1, *texts)).expand(3, 4, *texts).flatten()
    found = []
    for points in (line.points(), line.points().clone()):
        rows = points.flatten(0, -3)
        assert (line_of(rows) is None) == (points._base is None)
        every, last = by_us(layers, rows, lengths)
        value = (every * torch.linspace(0, 1, every.numel()).view_as(every)).sum() + last.square().sum()
        found.append((every, last, *torch.autograd.grad(value, start)))
    for own, original in zip(*found, strict=True):
        torch.testing.assert_close(own, original, atol=1e-5, rtol=1e-5)


def test_weights_that_change_are_noticed() -> None:
    layers = nn.LSTM(INPUT, HIDDEN, bidirectional=True, batch_first=True)
    for _ in range(2):
        compare(layers, torch.tensor([TIME] * BATCH))
        with torch.no_grad():
            layers.weight_hh_l0.mul_(1.5)


@pytest.mark.parametrize("layers", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_states_alone_are_torchs(layers: nn.RNNBase, lengths: tuple[int, ...]) -> None:
    compare_states(layers.eval(), torch.randn(BATCH, TIME, INPUT), torch.tensor(lengths))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize(("hidden", "batch"), [(300, 1), (300, 40), (100, 10), (100, 90)])
def test_states_of_larger_layers_are_torchs(kind: type[nn.RNNBase], hidden: int, batch: int) -> None:
    """Wide layers and many rows run one direction after the other, a few rows of narrow ones both side by side."""
    torch.manual_seed(7)
    layers = kind(8, hidden, bidirectional=True, batch_first=True).eval()
    compare_states(layers, torch.randn(batch, TIME, 8), torch.randint(1, TIME + 1, (batch,)))


@torch.inference_mode()
def compare_states(layers: nn.RNNBase, texts: Tensor, lengths: Tensor) -> None:
    assert packed_recurrence.states_only(layers, texts)
    every, last = by_torch(layers, texts, lengths)
    mask = torch.arange(texts.size(1)) < lengths.unsqueeze(1)  # (batch, length)
    torch.testing.assert_close(packed_recurrence.all_states(layers, texts, mask), every, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(packed_recurrence.final_states(layers, texts, mask), last, atol=2e-6, rtol=1e-5)


def test_what_wants_gradients_is_left_to_torch() -> None:
    layers, texts = nn.LSTM(INPUT, HIDDEN), torch.ones(1, 1, INPUT)
    assert not packed_recurrence.states_only(layers, texts)
    with torch.no_grad():
        assert packed_recurrence.states_only(layers, texts)
        assert not packed_recurrence.states_only(nn.LSTM(INPUT, HIDDEN, proj_size=2), texts)


def test_training_and_predicting_are_left_to_torch() -> None:
    layers = nn.GRU(INPUT, HIDDEN)
    assert not input_gradient_only(layers)
    layers.requires_grad_(False)
    assert input_gradient_only(layers)
    with torch.no_grad():
        assert not input_gradient_only(layers)
    assert not input_gradient_only(nn.LSTM(INPUT, HIDDEN, proj_size=2).requires_grad_(False))
