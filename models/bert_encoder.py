"""BERT's pooled output without the work that nothing reads.

The sums are those of transformers' BertModel (Devlin et al., 2019). But no layer works on padding, and the last one has
only the first position of each text to answer.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional
from transformers import BertConfig, BertModel

from models.bert_layers import ACTIVATIONS, bert_of, pooled_vectors
from models.openvino_bert import engine_of


def runs_packed(config: BertConfig) -> bool:
    """Whether `pooled` is what a BertModel of this configuration computes."""
    absolute = getattr(config, "position_embedding_type", "absolute") == "absolute"
    return absolute and not config.is_decoder and config.hidden_act in ACTIVATIONS


def pooled(bert: BertModel, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
    """(batch, length) ids -> (batch, hidden). The mask is one where a token is to be attended to."""
    engine = engine_of(bert)
    if engine and torch.is_inference_mode_enabled() and not input_ids.is_cuda:
        engine.prepare(bert)  # before the first text that could use it has to wait
        if attention_mask.all():
            return engine.pooled(input_ids, token_type_ids)
    words = functional.embedding(input_ids, cast(Tensor, bert.get_input_embeddings().weight))  # (batch, length, hidden)
    return pooled_vectors(bert_of(bert), words, attention_mask, token_type_ids, in_blocks=not words.is_cuda)
