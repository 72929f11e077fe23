"""biome.text's RecordPairClassification seen from the vectors of its data fields."""

from __future__ import annotations

from copy import copy, deepcopy
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from models.allennlp_compat import Vocabulary, get_text_field_mask
from models.classifier import Batch, Features, Instance
from models.errors import InvalidInstance
from models.explainable import Embedded, Explainable, InputToken, Tokenization
from models.indexers import letters_of
from models.readers import token_texts
from models.text_input import IndexedText

if TYPE_CHECKING:
    from models.record_pair_classification import RecordPairClassification


class FieldVectors(Explainable):
    """One vector for each field; what one record is compared with is the other one, field by field.

    Fields are compared in float64. Two may be matched so equally well that float32's rounding, which is another on
    another processor, decides which of them has the slope.
    """

    baselines = ("other",)

    def __init__(self, head: RecordPairClassification) -> None:
        self._head = head

    @cached_property
    def _comparing(self) -> RecordPairClassification:
        """Made where gradients are wanted: whoever tokenizes alone needs none."""
        return _comparing_in_float64(self._head)

    def embed(self, batch: Batch) -> Embedded:
        """Twice (batch, fields, dim), in float64."""
        return [self._head.encode_fields(record)[0].double() for record in batch.tensors.values()]

    def encode(self, batch: Batch, embedded: Embedded) -> Tensor:
        masks = [get_text_field_mask(record, num_wrapping_dims=1).any(dim=-1) for record in batch.tensors.values()]
        return self._comparing.match_fields(embedded[0], masks[0], embedded[1], masks[1]).float()

    def blank(self, batch: Batch, embedded: Embedded, baseline: str) -> Embedded:
        return [embedded[1], embedded[0]]

    def tokenization(self, instance: Instance, features: Features) -> Tokenization:
        """One entry for each field, in the words that the head's vocabulary knows.

        Raises InvalidInstance for records of different numbers of fields.
        """
        check_same_fields(features)
        vocab = self._head.backbone.vocab
        fields = [
            InputToken(number, (position,), _known_words(text, vocab), name)
            for number, (name, texts) in enumerate(features.inputs.items())
            for position, text in enumerate(texts)
        ]
        return Tokenization(fields, {})


def _comparing_in_float64(head: RecordPairClassification) -> RecordPairClassification:
    """The head with copies of the layers that compare fields; it shares those that read them."""
    comparing = copy(head)
    reading = {"backbone", "_field_encoder", "_output_layer"}
    comparing._modules = {
        name: layer if name in reading or layer is None else deepcopy(layer).double()
        for name, layer in head._modules.items()
    }
    return comparing


def check_same_fields(features: Features) -> None:
    """Raises InvalidInstance for records of different numbers of fields."""
    first, second = (texts for texts, _ in features.shape)
    if first != second:
        reason = f"the records have {first} and {second} fields; this method compares them field by field."
        raise InvalidInstance(f"{reason} Send the same number of fields, or choose another method.")


def _known_words(text: IndexedText, vocab: Vocabulary) -> str:
    """The words of a text as biome.text 1.0 wrote them: read back from their ids."""
    if "word" in text.columns:
        return " ".join(vocab.get_token_from_index(word, "word") for word in text.columns["word"]["tokens"])
    if "char" in text.columns:
        words = text.columns["char"]["token_characters"]
        return " ".join(
            "".join(vocab.get_token_from_index(letter, "char") for letter in letters_of(word)) for word in words
        )
    return " ".join(token_texts(text.tokens))
