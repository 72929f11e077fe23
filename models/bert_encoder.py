"""BERT's pooled output without the work that nothing reads.

The sums are those of transformers' BertModel (Devlin et al., 2019). But no layer works on padding, and the last one has
only the first position of each text to answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from models.packing import Packing

Attend = Callable[[Tensor, Tensor, Tensor, int], Tensor]


def runs_packed(config: BertConfig) -> bool:
    """Whether `pooled` is what a BertModel of this configuration computes."""
    return getattr(config, "position_embedding_type", "absolute") == "absolute" and not config.is_decoder


def pooled(bert: BertModel, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
    """(batch, length) ids -> (batch, hidden). The mask is one where a token is to be attended to."""
    embedded = bert.embeddings(input_ids=input_ids, token_type_ids=token_type_ids)  # (batch, length, hidden)
    packing = Packing(attention_mask.bool())
    pooler: Any = bert.pooler
    *layers, last = bert.encoder.layer
    hidden = packing.pack(embedded).to(_dtype(last))  # (tokens, hidden)
    for layer in layers:
        hidden = _transformed(layer, hidden, hidden, packing.attend)
    first = _transformed(last, hidden.index_select(0, packing.firsts), hidden, packing.attend_first)  # (batch, hidden)
    vectors: Tensor = pooler(first.to(embedded.dtype).unsqueeze(1))  # (batch, 1, hidden) -> (batch, hidden)
    return packing.unsorted(vectors)


def _dtype(layer: Any) -> torch.dtype:
    """Layers may compute in fewer bits than the rest (models/precision.py)."""
    dtype: torch.dtype = layer.output.dense.weight.dtype
    return dtype


def _transformed(layer: Any, readers: Tensor, hidden: Tensor, attend: Attend) -> Tensor:
    """A layer's output for `readers` (positions, hidden) that attend to `hidden` (tokens, hidden)."""
    heads = layer.attention.self
    context = attend(heads.query(readers), heads.key(hidden), heads.value(hidden), heads.num_attention_heads)
    attended = layer.attention.output(context, readers)  # (positions, hidden)
    output: Tensor = layer.output(layer.intermediate(attended), attended)  # (positions, hidden)
    return output
