"""biome.text's RecordPairClassification seen from the vectors of its data fields."""

from __future__ import annotations

from itertools import groupby

from torch import Tensor

from models.allennlp_compat import get_text_field_mask
from models.archive_classifier import ArchiveClassifier
from models.classifier import Batch, Features, Instance
from models.errors import InvalidInstance
from models.explain_archive import ExplainableArchive
from models.explainable import Embedded, InputToken, Tokenization
from models.pipeline_model import PipelineModel
from models.record_pair_classification import RecordPairClassification


class FromFields(ExplainableArchive):
    """One vector for each field; what one record is compared with is the other one, field by field."""

    baselines = ("other",)

    def __init__(self, classifier: ArchiveClassifier) -> None:
        super().__init__(classifier)
        assert isinstance(classifier.model, PipelineModel)
        assert isinstance(classifier.model.head, RecordPairClassification)
        self._head = classifier.model.head

    def embed(self, batch: Batch) -> Embedded:
        """Twice (batch, fields, dim)."""
        return [self._head.encode_fields(record)[0] for record in batch.tensors.values()]

    def encode(self, batch: Batch, embedded: Embedded) -> Tensor:
        masks = [get_text_field_mask(record, num_wrapping_dims=1).any(dim=-1) for record in batch.tensors.values()]
        return self._head.match_fields(embedded[0], masks[0], embedded[1], masks[1])

    def blank(self, batch: Batch, embedded: Embedded, baseline: str) -> Embedded:
        return [embedded[1], embedded[0]]

    def tokenization(self, instance: Instance, features: Features) -> Tokenization:
        """One entry for each field. Raises InvalidInstance for records of different numbers of fields."""
        first, second = (texts for texts, _ in features.shape)
        if first != second:
            reason = f"the records have {first} and {second} fields; this method compares them field by field."
            raise InvalidInstance(f"{reason} Send the same number of fields, or choose another method.")
        tokens = super().tokenization(instance, features)
        groups = groupby(tokens.tokens, key=lambda token: (token.input, token.position[0]))
        return Tokenization([_field(*place, list(group)) for place, group in groups], tokens.sources)


def _field(number: int, text: int, tokens: list[InputToken]) -> InputToken:
    """All tokens of a field, its key among them, as one."""
    own = [token for token in tokens if token.start is not None]
    words = " ".join(token.text for token in tokens)
    if not own:
        return InputToken(number, (text,), words, tokens[0].field)
    end = max(token.end or 0 for token in own)
    return InputToken(number, (text,), words, own[0].field, min(token.start or 0 for token in own), end)
