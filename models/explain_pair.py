"""Record pairs of archives by biome.text's own method: their fields, and where these stand in what the caller sent."""

from __future__ import annotations

from itertools import groupby

from models.archive_classifier import ArchiveClassifier
from models.classifier import Features, Instance
from models.explain_archive import explain_text_field
from models.explainable import InputToken, Tokenization
from models.field_vectors import FieldVectors, check_same_fields
from models.pipeline_model import PipelineModel
from models.record_pair_classification import RecordPairClassification


class FromFields(FieldVectors):
    def __init__(self, classifier: ArchiveClassifier) -> None:
        assert isinstance(classifier.model, PipelineModel)
        assert isinstance(classifier.model.head, RecordPairClassification)
        super().__init__(classifier.model.head)
        self.classifier = classifier
        self._texts = explain_text_field(classifier)

    def tokenization(self, instance: Instance, features: Features) -> Tokenization:
        """One entry for each field. Raises InvalidInstance for records of different numbers of fields."""
        check_same_fields(features)
        tokens = self._texts.tokenization(instance, features)
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
