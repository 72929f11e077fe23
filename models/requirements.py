"""What an instance must have for a model to encode it alone, and whether padding may change its answer.

The originals fail on inputs that are too short for an encoder, or let a batch of longer ones carry them. Here
the batch of one decides, and it decides before anything is queued.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from models.allennlp_compat import (
    BagOfEmbeddingsEncoder,
    ClsPooler,
    CnnEncoder,
    FeedForwardEncoder,
    PassThroughEncoder,
    PretrainedTransformerMismatchedEmbedder,
    Seq2SeqEncoder,
    Seq2VecEncoder,
    TimeDistributed,
)
from models.basic_classifier import EncodingBasicClassifier
from models.biome_bimpm import BiomeBiMpm
from models.cnn import ExtentCnnEncoder
from models.multifield_bimpm import MultifieldBiMpm
from models.recurrent import AllStates, FinalState
from models.sequence_classifier_base import SequenceClassifierBase
from models.text_field_embedder import CharacterEncoder, embedded_indexers
from models.time_distributed_encoder import TimeDistributedEncoder

UNPADDED = (
    AllStates,
    BagOfEmbeddingsEncoder,
    ClsPooler,
    ExtentCnnEncoder,
    FeedForwardEncoder,
    FinalState,
    PassThroughEncoder,
    TimeDistributedEncoder,
)
"""Encoders whose answer for a row does not depend on its padding (what TimeDistributedEncoder wraps counts too)."""


@dataclass(frozen=True)
class Requirements:
    words: int = 0
    """Tokens in the longest text."""
    positions: int = 0
    """Positions of the longest text, padded to the archive's minimum."""
    texts: int = 0
    """Texts of an input."""
    characters: Mapping[str, int] = field(default_factory=dict)
    """By indexer: characters of the longest word, padded to the archive's minimum."""
    side_by_side: Sequence[str] = ()
    """The indexers whose vectors are concatenated, and so must be equally many."""
    padding_safe: bool = True


def requirements_of(model: nn.Module) -> Requirements:
    """Raises ValueError for a model whose fields are read by an encoder that would mix the instances of a batch."""
    return requirements_for(model, *encoders_of(model))


def requirements_for(model: nn.Module, token_encoders: Sequence[Any], field_encoders: Sequence[Any]) -> Requirements:
    """As `requirements_of`, for a model with these encoders over the tokens of a text and over its texts."""
    if any(not isinstance(encoder, UNPADDED) for encoder in field_encoders):
        raise ValueError("an encoder over fields must be gru, lstm, rnn, cnn, boe, feedforward or pass_through")
    mismatched = any(isinstance(module, PretrainedTransformerMismatchedEmbedder) for module in model.modules())
    characters = _least_characters(model)
    return Requirements(
        words=max(
            [int(mismatched), getattr(model, "least_words", 0), *(_least_words(encoder) for encoder in token_encoders)]
        ),
        positions=max([int(bool(characters)), *map(_least_positions, token_encoders)]),
        texts=max(map(_least_positions, field_encoders), default=0),
        characters=characters,
        side_by_side=tuple(embedded_indexers(model)),
        padding_safe=_padding_safe(model),
    )


def encoders_of(model: nn.Module) -> tuple[list[Any], list[Any]]:
    """The encoders that read tokens, and those that read fields."""
    if isinstance(model, SequenceClassifierBase):
        over_fields = [model._multifield_seq2seq_encoder, model._multifield_seq2vec_encoder]
        over_tokens = [_bare(model._seq2seq_encoder), _bare(model._seq2vec_encoder)]
        return _present(over_tokens), _present(over_fields)
    if isinstance(model, EncodingBasicClassifier):
        return _present([model._seq2seq_encoder, model._seq2vec_encoder]), []
    if isinstance(model, BiomeBiMpm):
        return [model.encoder1, model.encoder2, model.aggregator], []
    if isinstance(model, MultifieldBiMpm):
        return _present([model.encoder, model.encoder2, model.aggregator]), []
    return [], []


def _bare(encoder: Any) -> Any:
    return encoder._module if isinstance(encoder, TimeDistributed) else encoder


def _present(encoders: list[Any]) -> list[Any]:
    return [encoder for encoder in encoders if encoder is not None]


def _least_words(encoder: nn.Module) -> int:
    carried_by_padding = (BagOfEmbeddingsEncoder, CnnEncoder, FeedForwardEncoder, PassThroughEncoder)
    return 0 if isinstance(encoder, carried_by_padding) else 1


def _least_positions(encoder: nn.Module) -> int:
    return max(encoder._ngram_filter_sizes) if isinstance(encoder, CnnEncoder) else 0


def _least_characters(model: nn.Module) -> dict[str, int]:
    """At least one: the originals make a tensor of too few dimensions of words without characters."""
    return {
        name: max(1, _least_positions(_bare(embedder._encoder)))
        for name, embedder in embedded_indexers(model).items()
        if isinstance(embedder, CharacterEncoder)
    }


def _padding_safe(model: nn.Module) -> bool:
    if isinstance(model, MultifieldBiMpm):
        return False
    encoders = [module for module in model.modules() if isinstance(module, Seq2SeqEncoder | Seq2VecEncoder)]
    return all(isinstance(encoder, UNPADDED) for encoder in encoders)
