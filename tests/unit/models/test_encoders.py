"""The encoders that stand in for AllenNLP's: same numbers, and no row that depends on another."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from models.allennlp_compat import (
    Activation,
    BagOfEmbeddingsEncoder,
    CnnEncoder,
    GruSeq2SeqEncoder,
    GruSeq2VecEncoder,
    LstmSeq2SeqEncoder,
    LstmSeq2VecEncoder,
    RnnSeq2VecEncoder,
    TimeDistributed,
)
from models.cnn import ExtentCnnEncoder, run_seq2vec
from models.recurrent import GruSeq2Seq, GruSeq2Vec, LstmSeq2Seq, LstmSeq2Vec, RnnSeq2Vec, fail_on_empty_rows

BOTH_WAYS = pytest.mark.parametrize("with_gradients", [False, True])
"""Encoders have a way of their own where no gradient is wanted."""
RECURRENT = {"input_size": 5, "hidden_size": 4, "num_layers": 2, "bidirectional": True}


def rows(*lengths: int, dim: int = 5) -> tuple[Tensor, Tensor]:
    """Random rows (len(lengths), longest, dim) and their mask."""
    torch.manual_seed(len(lengths))
    mask = torch.arange(max(lengths)).unsqueeze(0) < torch.tensor(lengths).unsqueeze(1)
    return torch.randn(len(lengths), max(lengths), dim), mask


@pytest.mark.parametrize(
    ("ours", "original"),
    [
        (GruSeq2Vec, GruSeq2VecEncoder),
        (LstmSeq2Vec, LstmSeq2VecEncoder),
        (RnnSeq2Vec, RnnSeq2VecEncoder),
        (GruSeq2Seq, GruSeq2SeqEncoder),
        (LstmSeq2Seq, LstmSeq2SeqEncoder),
    ],
)
@BOTH_WAYS
def test_recurrent_encoders_equal_allennlps(ours: type, original: type, with_gradients: bool) -> None:
    ours_, original_ = ours(**RECURRENT).eval(), original(**RECURRENT).eval()
    original_.load_state_dict(ours_.state_dict())
    for lengths in ((3, 7, 1, 7), (4,), (2, 0, 5)):
        inputs, mask = rows(*lengths)
        with torch.set_grad_enabled(with_gradients):
            assert torch.allclose(ours_(inputs, mask), original_(inputs, mask), atol=1e-6)


@BOTH_WAYS
def test_a_mask_with_holes_counts_positions_as_the_original_does(with_gradients: bool) -> None:
    """Mask [1, 0, 1] reads positions 0 and 1: the number of unmasked positions, whichever they are."""
    encoder = GruSeq2Vec(**RECURRENT).eval()
    inputs, _ = rows(3)
    holes = torch.tensor([[True, False, True]])
    with torch.set_grad_enabled(with_gradients):
        assert torch.equal(encoder(inputs, holes), encoder(inputs, torch.tensor([[True, True, False]])))


@BOTH_WAYS
def test_rows_that_the_original_fails_on_are_not_a_number(with_gradients: bool) -> None:
    encoder = GruSeq2Vec(**RECURRENT).eval()
    inputs, mask = rows(3, 3, 3)
    mask[1] = False
    mask[2, 0] = False
    with torch.set_grad_enabled(with_gradients):
        alone = encoder(inputs[:1], mask[:1])
        assert encoder(inputs, mask)[1].eq(0).all()
        fail_on_empty_rows(encoder, None)
        together = encoder(inputs, mask)
    assert torch.allclose(together[:1], alone, atol=1e-6)
    assert together[1:].isnan().all()
    encoder.train()
    assert encoder(inputs, mask).isfinite().all()


def convolutions(**options: object) -> tuple[ExtentCnnEncoder, CnnEncoder]:
    torch.manual_seed(1)
    arguments = {"embedding_dim": 5, "num_filters": 3, "ngram_filter_sizes": (2, 4), **options}
    ours, original = ExtentCnnEncoder(**arguments).eval(), CnnEncoder(**arguments).eval()
    original.load_state_dict(ours.state_dict())
    return ours, original


@BOTH_WAYS
@pytest.mark.parametrize("activation", ["relu", "tanh", "mish"])
@pytest.mark.parametrize("output_dim", [None, 6])
def test_without_extent_the_cnn_equals_allennlp_2(
    output_dim: int | None, activation: str, with_gradients: bool
) -> None:
    ours, original = convolutions(output_dim=output_dim, conv_layer_activation=Activation.by_name(activation)())
    for lengths in ((9, 4, 3, 1, 0), (2, 1)):
        inputs, mask = rows(*lengths)
        expected = original(functional.pad(inputs, (0, 0, 0, 2)), functional.pad(mask, (0, 2)))
        assert torch.allclose(ours(inputs.requires_grad_(with_gradients), mask), expected, atol=1e-6)


def test_with_extent_the_cnn_equals_a_batch_of_one_of_allennlp_0_9() -> None:
    """AllenNLP 0.9: convolve the zeroed padding too, then take the maximum over every window."""
    ours, _ = convolutions()
    inputs, mask = rows(9, 4, 6)
    extent = torch.tensor([9, 7, 6])
    together = ours(inputs, mask, extent)
    for row, length in enumerate(extent.tolist()):
        channels = (inputs * mask.unsqueeze(-1))[row : row + 1, :length].transpose(1, 2)
        filters = [torch.relu(convolution(channels)).amax(dim=2) for convolution in ours._convolutions()]
        assert torch.allclose(together[row], torch.cat(filters, dim=1)[0], atol=1e-6)


def test_other_rows_never_matter() -> None:
    ours, _ = convolutions()
    inputs, mask = rows(4, 9)
    before = ours(inputs, mask)[0]
    inputs[1] = math.pi
    assert torch.equal(ours(inputs, mask)[0], before)
    assert torch.allclose(ours(inputs[:1, :4], mask[:1, :4])[0], before, atol=1e-6)


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("lengths", [(4, 4), (3, 7, 0, 1)])
def test_bags_are_allennlps(lengths: tuple[int, ...], averaged: bool) -> None:
    encoder = BagOfEmbeddingsEncoder(5, averaged=averaged)
    inputs, mask = rows(*lengths)
    assert torch.allclose(run_seq2vec(encoder, inputs, mask, None), encoder(inputs, mask), atol=1e-6)
    lists = run_seq2vec(TimeDistributed(encoder), inputs.unsqueeze(0), mask.unsqueeze(0), None)
    assert torch.allclose(lists[0], encoder(inputs, mask), atol=1e-6)


def test_a_bag_of_nothing_is_zero_where_its_gradient_is_asked_for():
    nothing = torch.zeros(2, 0, 4, requires_grad=True)
    bag = run_seq2vec(BagOfEmbeddingsEncoder(4, averaged=True), nothing, torch.ones(2, 0, dtype=torch.bool), None)
    assert torch.equal(bag, torch.zeros(2, 4))
