"""Recurrent encoders: AllenNLP's wrappers of torch's RNN, LSTM and GRU and of its own LSTMs, without their detours.

Registered in place of the originals, with the same parameters and weight names. Same numbers, but no sorting of the
batch by hand and no dependence of one row on another.

Rows that are masked from the start: the original takes the first `sum(mask[:, 0])` rows after sorting by length and
fails where none is left, as a batch of one does. Here a row without tokens gives `empty`, and a row whose first
position alone is masked NaN: "the original has no answer".
"""

import math
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from models import packed_recurrence, recurrence
from models.allennlp_compat import (
    AugmentedLstmSeq2SeqEncoder,
    AugmentedLstmSeq2VecEncoder,
    GruSeq2SeqEncoder,
    GruSeq2VecEncoder,
    LstmSeq2SeqEncoder,
    LstmSeq2VecEncoder,
    RnnSeq2SeqEncoder,
    RnnSeq2VecEncoder,
    Seq2SeqEncoder,
    Seq2VecEncoder,
    StackedAlternatingLstmSeq2SeqEncoder,
    StackedAlternatingLstmSeq2VecEncoder,
    StackedBidirectionalLstmSeq2SeqEncoder,
    StackedBidirectionalLstmSeq2VecEncoder,
)
from models.lone_rows import as_if_alone, per_row
from models.scripted import scripted


def _pack(inputs: Tensor, mask: Tensor) -> tuple[PackedSequence, Tensor]:
    """Packs rows by the number of their unmasked positions, as the original does: holes in a mask shorten a row."""
    # (batch,)
    lengths = mask.sum(dim=1)
    # A row without tokens runs over one padded position; what comes out is overwritten.
    packed = pack_padded_sequence(inputs, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
    return packed, lengths


class _Recurrent(nn.Module):
    _module: Any
    empty = 0.0
    """What a row without tokens gives."""

    def _run(self, packed: PackedSequence, hidden_state: Any) -> tuple[PackedSequence, Any]:
        return self._module(packed, hidden_state)

    def _states_only(self, inputs: Tensor, hidden_state: Any) -> bool:
        return self._plain(hidden_state) and packed_recurrence.states_only(self._module, inputs)

    def _input_gradient_only(self, inputs: Tensor, hidden_state: Any) -> bool:
        return self._plain(hidden_state) and inputs.requires_grad and recurrence.input_gradient_only(self._module)

    def _plain(self, hidden_state: Any) -> bool:
        return hidden_state is None and not self.training and isinstance(self._module, nn.RNNBase)

    def _as_if_alone(self, outputs: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        """Overwrites the rows that the original would not have run; outputs and result are (batch, ...)."""
        if self.training:
            return outputs.masked_fill(per_row(lengths == 0, outputs), 0.0)
        return _as_if_alone(outputs, mask, lengths, self.empty)


_as_if_alone = scripted(as_if_alone)


class FinalState(_Recurrent):
    """The final state of the last layer, forward then backward (AllenNLP's `PytorchSeq2VecWrapper`)."""

    def forward(self, inputs: Tensor, mask: Tensor, hidden_state: Any = None) -> Tensor:
        """(batch, length, input_dim), (batch, length) -> (batch, output_dim)."""
        if self._states_only(inputs, hidden_state):
            return packed_recurrence.final_states(self._module, inputs, mask, self.empty)
        if self._input_gradient_only(inputs, hidden_state):
            lengths = mask.sum(dim=1)
            return self._as_if_alone(recurrence.final_states(self._module, inputs, lengths.clamp(min=1)), mask, lengths)
        packed, lengths = _pack(inputs, mask)
        _, state = self._run(packed, hidden_state)
        state = state[0] if isinstance(state, tuple) else state
        directions = 2 if getattr(self._module, "bidirectional", False) else 1
        # (layers * directions, batch, hidden) -> (batch, directions * hidden)
        last = state[-directions:].transpose(0, 1).flatten(start_dim=1)
        return self._as_if_alone(last, mask, lengths)


class AllStates(_Recurrent):
    """All states of the last layer, zeros at padding (AllenNLP's `PytorchSeq2SeqWrapper`)."""

    def forward(self, inputs: Tensor, mask: Tensor, hidden_state: Any = None) -> Tensor:
        """(batch, length, input_dim), (batch, length) -> (batch, length, output_dim)."""
        if self._states_only(inputs, hidden_state):
            return packed_recurrence.all_states(self._module, inputs, mask, self.empty)
        if self._input_gradient_only(inputs, hidden_state):
            lengths = mask.sum(dim=1)
            return self._as_if_alone(recurrence.all_states(self._module, inputs, lengths.clamp(min=1)), mask, lengths)
        packed, lengths = _pack(inputs, mask)
        output, _ = self._run(packed, hidden_state)
        # (batch, length, output_dim)
        states, _ = pad_packed_sequence(output, batch_first=True, total_length=inputs.size(1))
        return self._as_if_alone(states, mask, lengths)


@Seq2VecEncoder.register("gru", exist_ok=True)
class GruSeq2Vec(FinalState, GruSeq2VecEncoder):
    pass


@Seq2VecEncoder.register("lstm", exist_ok=True)
class LstmSeq2Vec(FinalState, LstmSeq2VecEncoder):
    pass


@Seq2VecEncoder.register("rnn", exist_ok=True)
class RnnSeq2Vec(FinalState, RnnSeq2VecEncoder):
    pass


@Seq2SeqEncoder.register("gru", exist_ok=True)
class GruSeq2Seq(AllStates, GruSeq2SeqEncoder):
    pass


@Seq2SeqEncoder.register("lstm", exist_ok=True)
class LstmSeq2Seq(AllStates, LstmSeq2SeqEncoder):
    pass


@Seq2SeqEncoder.register("rnn", exist_ok=True)
class RnnSeq2Seq(AllStates, RnnSeq2SeqEncoder):
    pass


class _SortedRows(_Recurrent):
    """These modules take rows in order of their lengths, and know nothing of the order that they came in."""

    def _run(self, packed: PackedSequence, hidden_state: Any) -> tuple[PackedSequence, Any]:
        output, (state, _) = self._module(PackedSequence(packed.data, packed.batch_sizes), hidden_state)
        restored = PackedSequence(output.data, output.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
        # (layers * directions, batch, hidden)
        return restored, state.index_select(1, packed.unsorted_indices)


class _OneLayer(_SortedRows):
    """AllenNLP 2.10 asks for sizes by names that its AugmentedLstm does not have."""

    def get_input_dim(self) -> int:
        size: int = self._module.embed_dim
        return size

    def get_output_dim(self) -> int:
        size: int = self._module.lstm_dim
        return size


@Seq2VecEncoder.register("augmented_lstm", exist_ok=True)
class AugmentedLstmSeq2Vec(_OneLayer, FinalState, AugmentedLstmSeq2VecEncoder):
    pass


@Seq2VecEncoder.register("alternating_lstm", exist_ok=True)
class AlternatingLstmSeq2Vec(_SortedRows, FinalState, StackedAlternatingLstmSeq2VecEncoder):
    pass


@Seq2VecEncoder.register("stacked_bidirectional_lstm", exist_ok=True)
class StackedBidirectionalLstmSeq2Vec(_SortedRows, FinalState, StackedBidirectionalLstmSeq2VecEncoder):
    pass


@Seq2SeqEncoder.register("augmented_lstm", exist_ok=True)
class AugmentedLstmSeq2Seq(_OneLayer, AllStates, AugmentedLstmSeq2SeqEncoder):
    pass


@Seq2SeqEncoder.register("alternating_lstm", exist_ok=True)
class AlternatingLstmSeq2Seq(_SortedRows, AllStates, StackedAlternatingLstmSeq2SeqEncoder):
    pass


@Seq2SeqEncoder.register("stacked_bidirectional_lstm", exist_ok=True)
class StackedBidirectionalLstmSeq2Seq(_SortedRows, AllStates, StackedBidirectionalLstmSeq2SeqEncoder):
    pass


def fail_on_empty_rows(*encoders: nn.Module | None) -> None:
    """Makes recurrent encoders give NaN for a row whose mask is all zero: the original fails on it."""
    for encoder in encoders:
        if isinstance(encoder, _Recurrent):
            encoder.empty = math.nan
