"""The models of the AllenNLP families by their registered names, and where each keeps its head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from models.basic_classifier import EncodingBasicClassifier
from models.bert_for_classification import BertForClassification
from models.biome_bimpm import BiomeBiMpm
from models.biome_classifier_mixin import LABELS
from models.multifield_bimpm import MultifieldBiMpm
from models.sequence_classifier import SequenceClassifier
from models.sequence_classifier_base import SequenceClassifierBase
from models.sequence_pair_classifier import SequencePairClassifier
from models.similarity_classifier import SimilarityClassifier

ALLENNLP: dict[str, type[nn.Module]] = {
    "basic_classifier": EncodingBasicClassifier,
    "bert_for_classification": BertForClassification,
}
BIOME_TEXT_0_3: Mapping[str, type[nn.Module]] = {
    "biome_bimpm": BiomeBiMpm,
    "multifield_bimpm": MultifieldBiMpm,
    "sequence_classifier": SequenceClassifier,
    "sequence_pair_classifier": SequencePairClassifier,
    "similarity_classifier": SimilarityClassifier,
}


def add_architecture(type_name: str, model: type[nn.Module]) -> None:
    """From now on archives whose model is of this registered type are served, as docs/extend.md shows.

    `model.encode` takes the inputs of the reader in their order and gives (batch, dim); `model.head` gives logits.
    `model.least_words`, where there is one, is what a text must have.
    Raises ValueError where the name is taken.
    """
    if type_name in {**ALLENNLP, **BIOME_TEXT_0_3}:
        raise ValueError(f"models of type {type_name!r} are served already")
    ALLENNLP[type_name] = model


def class_name(type_name: str) -> str:
    """The original's name of the class that is registered as `type_name`."""
    if type_name == "basic_classifier":
        return "BasicClassifier"
    return {**ALLENNLP, **BIOME_TEXT_0_3}[type_name].__name__


def check_model_type(name: Any) -> None:
    """Raises ValueError, listing what is served, for a model type that is not."""
    served = {**ALLENNLP, **BIOME_TEXT_0_3}
    if name not in served:
        raise ValueError(f"models of type {name!r} are not served; these are: {', '.join(sorted(served))}")


def head_of(model: nn.Module) -> nn.Module:
    """(batch, dim) -> (batch, num_labels)."""
    match model:
        case SequenceClassifierBase():
            return model._output_layer
        case MultifieldBiMpm():
            return model.output_layer
        case BiomeBiMpm():
            return model.head
        case EncodingBasicClassifier() | BertForClassification():
            head: nn.Module = model._classification_layer
            return head
    if type(model) in ALLENNLP.values():
        return model.get_submodule("head")
    raise TypeError(f"no head is known of {type(model).__name__}")


def label_namespace_of(model: Any) -> str:
    namespace: str = getattr(model, "_label_namespace", LABELS)
    return namespace
