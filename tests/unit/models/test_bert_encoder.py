"""The packed encoder against transformers' own, in float64 so that only rounding is forgiven."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from models.bert_encoder import pooled, runs_packed
from models.bert_layers import ACTIVATIONS, bert_of, pooled_vectors
from models.packing import packing_of

SMALL = {"vocab_size": 50, "hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 48}
MASKS = {
    "one text": [[1, 1, 1, 1, 1]],
    "no padding": [[1, 1, 1]] * 4,
    "padding behind": [[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0]],
    "padding before and between": [[0, 0, 1, 1, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]],
}


def bert(**changes: object) -> BertModel:
    torch.manual_seed(3)
    config = BertConfig(**{**SMALL, "num_hidden_layers": 3, "initializer_range": 0.3, **changes})
    return BertModel(config).double().eval()


def inputs(mask: list[list[int]]) -> dict[str, Tensor]:
    torch.manual_seed(4)
    attended = torch.tensor(mask)
    return {
        "input_ids": torch.randint(1, SMALL["vocab_size"], attended.shape),
        "attention_mask": attended,
        "token_type_ids": torch.randint(0, 2, attended.shape),
    }


@pytest.mark.parametrize("layers", [1, 2, 4])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_it_pools_what_transformers_pools(mask: list[list[int]], layers: int) -> None:
    model, given = bert(num_hidden_layers=layers), inputs(mask)
    torch.testing.assert_close(pooled(model, **given), model(**given).pooler_output, atol=1e-9, rtol=0)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_it_does_so_in_one_block_too(mask: list[list[int]]) -> None:
    model, given = bert(), inputs(mask)
    words = model.embeddings.word_embeddings(given["input_ids"])
    ours = pooled_vectors(bert_of(model), words, given["attention_mask"], given["token_type_ids"], in_blocks=False)
    torch.testing.assert_close(ours, model(**given).pooler_output, atol=1e-9, rtol=0)


def test_gradients_of_the_embeddings_are_those_of_transformers() -> None:
    model, given = bert(), inputs(MASKS["padding behind"])
    embeddings = model.embeddings.word_embeddings.weight
    ours = torch.autograd.grad(pooled(model, **given).sum(), embeddings)[0]
    theirs = torch.autograd.grad(model(**given).pooler_output.sum(), embeddings)[0]
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_that_of_transformers(activation: str) -> None:
    model, given = bert(hidden_act=activation), inputs(MASKS["padding behind"])
    torch.testing.assert_close(pooled(model, **given), model(**given).pooler_output, atol=1e-9, rtol=0)


def test_texts_without_types_and_weights_that_change() -> None:
    model, given = bert(), inputs(MASKS["padding behind"])
    del given["token_type_ids"]
    for _ in range(2):
        torch.testing.assert_close(pooled(model, **given), model(**given).pooler_output, atol=1e-9, rtol=0)
        with torch.no_grad():
            model.encoder.layer[0].output.dense.weight.mul_(1.5)
            model.encoder.layer[1].output.dense.weight.data = torch.randn(24, 48, dtype=torch.float64) / 5


def test_a_text_beyond_the_last_position_fails() -> None:
    given = inputs([[1] * 9])
    with pytest.raises(RuntimeError, match="out of range"):
        pooled(bert(max_position_embeddings=8), **given)


@pytest.mark.parametrize(
    "changes", [{"hidden_act": "gelu_10"}, {"position_embedding_type": "relative_key"}, {"is_decoder": True}]
)
def test_other_berts_are_left_to_transformers(changes: dict[str, object]) -> None:
    assert runs_packed(bert().config)
    assert not runs_packed(bert(**changes).config)


def test_attention_pads_texts_of_like_length_together() -> None:
    lengths = [3, 40, 3, 41, 3]
    mask = torch.tensor([[position < length for position in range(60)] for length in lengths])
    assert [(block.rows, block.length) for block in packing_of(mask).blocks] == [(3, 3), (2, 41)]


def test_a_blocks_padding_is_among_its_tokens_and_is_little() -> None:
    lengths = [40, 7, 41, 60, 5, 21, 20, 6, 22, 41]
    mask = torch.tensor([[position < length for position in range(60)] for length in lengths])
    packing = packing_of(mask)
    assert [block.tokens for block in packing.blocks] == [block.rows * block.length for block in packing.blocks]
    assert all(block.places is None for block in packing.blocks)
    assert sum(lengths) < len(packing.places) <= 1.07 * sum(lengths)
