"""biome.text's RecordClassification: a record with the fields of the configuration, one label or several."""

from typing import Any

from models.biome_tokenizer import Clipper
from models.classification_head import LabelledReading, LabelWeights
from models.classifier import InputSchema
from models.component_configuration import (
    FeedForwardConfiguration,
    Seq2SeqEncoderConfiguration,
    Seq2VecEncoderConfiguration,
)
from models.document_classification import DocumentClassification
from models.errors import InvalidInstance
from models.head_schema import TEXTS, schema_of
from models.model_backbone import ModelBackbone


class RecordClassification(DocumentClassification):
    """DocumentClassification over the fields `record_keys`, in this order, the key in front of each value."""

    kind = "record"
    input_name = "record"

    def __init__(
        self,
        backbone: ModelBackbone,
        labels: list[str],
        record_keys: list[str],
        token_pooler: Seq2VecEncoderConfiguration | None = None,
        fields_encoder: Seq2SeqEncoderConfiguration | None = None,
        fields_pooler: Seq2VecEncoderConfiguration | None = None,
        feedforward: FeedForwardConfiguration | None = None,
        multilabel: bool = False,
        label_weights: LabelWeights | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(
            backbone,
            labels,
            token_pooler=token_pooler,
            sentence_encoder=fields_encoder,
            sentence_pooler=fields_pooler,
            feedforward=feedforward,
            multilabel=multilabel,
            label_weights=label_weights,
            dropout=dropout,
        )
        self._record_keys = record_keys

    def inputs(self) -> list[str]:
        return self._record_keys

    def schema(self) -> InputSchema:
        example = {key: f"the {key}" for key in self._record_keys}
        text_input = self._record_keys[0] if len(self._record_keys) == 1 else None
        return schema_of(dict.fromkeys(self._record_keys, TEXTS), example, text_input=text_input, others=True)

    def featurize(self, *records: Any, label: str | list[str] | None = None, **fields: Any) -> LabelledReading:
        """Takes the fields of the record by name, or the record as one object.

        Raises InvalidInstance for what the original refused.
        """
        record = dict(*records, **fields)
        missing = [key for key in self._record_keys if key not in record]
        if missing:
            raise InvalidInstance(f"{missing[0]!r} is missing; this classifier takes {self._record_keys}.", missing[0])
        clip = Clipper()
        texts = self.backbone.featurizer({key: record[key] for key in self._record_keys}, "record", clip)
        return self.add_label(LabelledReading({"record": texts}, ["record"] if clip.clipped else []), label)
