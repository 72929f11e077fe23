"""What the reader and the model of one archive must agree on. The originals found out at the first prediction."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from models.allennlp_compat import Embedding, PretrainedTransformerEmbedder, PretrainedTransformerMismatchedEmbedder
from models.bert_for_classification import BertForClassification
from models.indexers import Indexer
from models.multifield_bimpm import MultifieldBiMpm
from models.sequence_classifier_base import SequenceClassifierBase
from models.text_field_embedder import CharacterEncoder, embedded_indexers

EMBEDDERS = (
    CharacterEncoder,
    Embedding,
    PretrainedTransformerEmbedder,
    PretrainedTransformerMismatchedEmbedder,
)
"""Token embedders whose indexers are implemented."""


def check_consistency(model: nn.Module, indexers: Mapping[str, Indexer], *, lists: bool) -> None:
    """Raises ValueError where the model could not read what the reader gives.

    `lists`: the reader gives a list of texts for each input.
    """
    if lists and not _takes_lists(model):
        raise ValueError("the reader gives a list of texts for each input, and the model takes one text")
    if _takes_lists(model) and not lists:
        raise ValueError("the reader gives one text for each input, and the model takes a list of texts")
    for name, embedder in embedded_indexers(model).items():
        if not isinstance(embedder, EMBEDDERS):
            raise ValueError(f"the token embedder {name!r} ({type(embedder).__name__}) is not implemented")
        _check_indexer(name, indexers)
    if isinstance(model, BertForClassification):
        _check_indexer(model._index, indexers)


def _takes_lists(model: nn.Module) -> bool:
    if isinstance(model, MultifieldBiMpm):
        return model.num_wrapping_dims > 0
    return isinstance(model, SequenceClassifierBase) and model._multifield_seq2vec_encoder is not None


def _check_indexer(name: str, indexers: Mapping[str, Indexer]) -> None:
    if name not in indexers:
        raise ValueError(f"the model embeds {name!r}, but the token indexers are {', '.join(sorted(indexers))}")
