"""A BERT (Devlin et al., 2019) over packed texts, with the weights of transformers' modules."""

from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional
from transformers import BertModel

from models.packing import Block, attend, attend_first, packing_of
from models.scripted import scripted


class Affine(NamedTuple):
    """Of a linear layer, or of a layer norm."""

    weight: Tensor
    bias: Tensor


class Layer(NamedTuple):
    query: Affine
    key: Affine
    value: Affine
    attended: Affine
    attended_norm: Affine
    wide: Affine
    narrow: Affine
    norm: Affine


class Bert(NamedTuple):
    positions: Tensor
    """(longest text, hidden)"""
    types: Tensor
    """(types, hidden)"""
    embedded_norm: Affine
    layers: list[Layer]
    pooler: Affine
    heads: int
    epsilon: float
    activation: str
    """One of ACTIVATIONS."""


ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu by tanh",
    "gelu_pytorch_tanh": "gelu by tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
"""transformers' names of those that are known here."""

_BERTS: WeakKeyDictionary[BertModel, Bert] = WeakKeyDictionary()


def bert_of(model: BertModel) -> Bert:
    """Read once: the modules keep their parameters, whatever those come to hold."""
    if model not in _BERTS:
        config: Any = model.config
        embeddings, pooler = cast(Any, model.embeddings), cast(Any, model.pooler)
        _BERTS[model] = Bert(
            embeddings.position_embeddings.weight,
            embeddings.token_type_embeddings.weight,
            _affine(embeddings.LayerNorm),
            [_layer(module) for module in model.encoder.layer],
            _affine(pooler.dense),
            config.num_attention_heads,
            config.layer_norm_eps,
            ACTIVATIONS[config.hidden_act],
        )
    return _BERTS[model]


def _affine(module: Any) -> Affine:
    return Affine(module.weight, module.bias)


def _layer(module: Any) -> Layer:
    heads, attended, output = module.attention.self, module.attention.output, module.output
    parts = [
        heads.query, heads.key, heads.value, attended.dense, attended.LayerNorm, module.intermediate.dense,
        output.dense, output.LayerNorm,
    ]  # fmt: skip
    return Layer(*map(_affine, parts))


def _linear(affine: Affine, positions: Tensor) -> Tensor:
    return functional.linear(positions, affine.weight, affine.bias)


def _norm(affine: Affine, positions: Tensor, epsilon: float) -> Tensor:
    return functional.layer_norm(positions, affine.weight.size(), affine.weight, affine.bias, epsilon)


def _activated(positions: Tensor, activation: str) -> Tensor:
    if activation == "gelu":
        return functional.gelu(positions)
    if activation == "gelu by tanh":
        return functional.gelu(positions, approximate="tanh")
    if activation == "relu":
        return functional.relu(positions)
    return functional.silu(positions)


def _after_attention(bert: Bert, layer: Layer, context: Tensor, readers: Tensor) -> Tensor:
    """A layer's output for `readers` from what they attended to: (positions, hidden) each."""
    attended = _norm(layer.attended_norm, _linear(layer.attended, context) + readers, bert.epsilon)
    wide = _activated(_linear(layer.wide, attended), bert.activation)  # (positions, intermediate)
    return _norm(layer.norm, _linear(layer.narrow, wide) + attended, bert.epsilon)


def _embedded(bert: Bert, words: Tensor, types: Tensor | None, places: Tensor) -> Tensor:
    """What the first layer reads: (batch, length, hidden) -> (tokens, hidden).

    Fails for texts that are longer than any position.
    """
    length = words.size(1)
    packed = words.flatten(0, 1).index_select(0, places)  # (tokens, hidden)
    of_type = torch.zeros_like(places) if types is None else types.flatten().index_select(0, places)  # (tokens,)
    packed = packed + functional.embedding(of_type, bert.types)
    packed = packed + functional.embedding(places.remainder(length), bert.positions)
    return _norm(bert.embedded_norm, packed, bert.epsilon)


def _first_vectors(bert: Bert, hidden: Tensor, firsts: Tensor, blocks: list[Block]) -> Tensor:
    """The last layer's output for each text's first position: (tokens, hidden) -> (batch, hidden).

    `firsts` (batch,) says where those are.
    """
    for number in range(len(bert.layers)):
        layer = bert.layers[number]
        key, value = _linear(layer.key, hidden), _linear(layer.value, hidden)  # (tokens, hidden)
        if number + 1 < len(bert.layers):
            context = attend(_linear(layer.query, hidden), key, value, bert.heads, blocks)
        else:
            hidden = hidden.index_select(0, firsts)  # (batch, hidden)
            context = attend_first(_linear(layer.query, hidden), key, value, bert.heads, blocks)
        hidden = _after_attention(bert, layer, context, hidden)
    return hidden


@scripted
def pooled_vectors(bert: Bert, words: Tensor, mask: Tensor, types: Tensor | None, in_blocks: bool) -> Tensor:
    """Embeddings of words (batch, length, hidden), what is attended to (batch, length; not zero there) and the type of
    each token (batch, length) -> (batch, hidden). `in_blocks` says how texts are packed (models/packing.py)."""
    packing = packing_of(mask.to(torch.bool), in_blocks)
    hidden = _embedded(bert, words, types, packing.places)
    # The layers may compute in fewer bits than the rest (models/precision.py).
    first = _first_vectors(bert, hidden.to(bert.layers[0].query.weight.dtype), packing.firsts, packing.blocks)
    vectors = _linear(bert.pooler, first.to(hidden.dtype)).tanh()  # (batch, hidden)
    return torch.empty_like(vectors).index_copy(0, packing.order, vectors)
