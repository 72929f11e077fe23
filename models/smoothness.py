"""Which classifiers pool a straight line of embeddings into a smooth curve (models/curve.py)."""

from __future__ import annotations

from typing import Any

from torch import nn

from models.allennlp_compat import BagOfEmbeddingsEncoder, ClsPooler, PassThroughEncoder
from models.basic_classifier import EncodingBasicClassifier
from models.bert_for_classification import BertForClassification
from models.pipeline_model import PipelineModel
from models.record_pair_classification import RecordPairClassification
from models.recurrent import AllStates, FinalState
from models.requirements import encoders_of
from models.sequence_classifier_base import SequenceClassifierBase
from models.time_distributed_encoder import TimeDistributedEncoder

SMOOTH_ENCODERS = (AllStates, BagOfEmbeddingsEncoder, ClsPooler, FinalState, PassThroughEncoder)
"""Convolutions are left out for their maxima and rectifiers."""
SMOOTH_ACTIVATIONS = frozenset({"gelu", "gelu_new", "gelu_pytorch_tanh", "silu", "swish", "tanh"})


def smooth_from_tokens(model: nn.Module) -> bool:
    """From the vectors of tokens on. A guess from the kinds of its layers: what is wrong is found out."""
    if isinstance(model, PipelineModel):
        over_tokens, over_texts = model.head.encoders()
        if isinstance(model.head, RecordPairClassification):
            # Its matching, which takes maxima, comes behind the seam. There both records have as many fields as the
            # longer: convolutions of biome.text 1.0 would pool over those that are none.
            return _all_smooth(over_tokens) and not model.head.pools_over_padding
        return _all_smooth([*over_tokens, *over_texts])
    if isinstance(model, EncodingBasicClassifier | SequenceClassifierBase):
        over_tokens, over_texts = encoders_of(model)
        # Texts of 0.3 drop out of a list as soon as their vectors have no positive component.
        return not over_texts and _all_smooth(over_tokens)
    return isinstance(model, BertForClassification)


def smooth_transformer(config: Any) -> bool:
    """From the embeddings of a transformer's word pieces to what it makes of them."""
    return getattr(config, "hidden_act", getattr(config, "activation", None)) in SMOOTH_ACTIVATIONS


def _all_smooth(encoders: list[Any]) -> bool:
    return all(map(_smooth, encoders))


def _smooth(encoder: Any) -> bool:
    if isinstance(encoder, TimeDistributedEncoder):
        return _smooth(encoder.encoder)
    rectified = isinstance(encoder, AllStates | FinalState) and getattr(encoder._module, "mode", "") == "RNN_RELU"
    return isinstance(encoder, SMOOTH_ENCODERS) and not rectified
