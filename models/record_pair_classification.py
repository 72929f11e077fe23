"""biome.text's RecordPairClassification: how are two records related?"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.allennlp_compat import InitializerApplicator, TextFieldTensors, get_text_field_mask
from models.bimpm_matching import BiMpmMatching, match_in_parts
from models.biome_tokenizer import Clipper
from models.classification_head import ClassificationHead, LabelledReading, LabelWeights
from models.classifier import InputSchema
from models.cnn import run_seq2vec
from models.component_configuration import (
    BiMpmMatchingConfiguration,
    FeedForwardConfiguration,
    Seq2SeqEncoderConfiguration,
    Seq2VecEncoderConfiguration,
)
from models.head_schema import TEXTS, schema_of
from models.model_backbone import ModelBackbone
from models.record_explanation import explain_records
from models.scripted import scripted
from models.time_distributed_encoder import TimeDistributedEncoder


class RecordPairClassification(ClassificationHead):
    """BiMPM (Wang et al., 2017, https://arxiv.org/abs/1702.03814) over the data fields of two records.

    Each record: encoder -> field encoder, one vector per field -> record encoder over the fields. The two are matched,
    field against field; the matchings of each record are aggregated, and both together classified.

    With `matcher_backward` the forward matcher gets the first half of the record encoding and the backward matcher the
    second; without it, the forward matcher gets all of it.
    """

    kind = "record_pair"
    lists = True

    def __init__(
        self,
        backbone: ModelBackbone,
        labels: list[str],
        field_encoder: Seq2VecEncoderConfiguration,
        record_encoder: Seq2SeqEncoderConfiguration,
        matcher_forward: BiMpmMatchingConfiguration,
        aggregator: Seq2VecEncoderConfiguration,
        classifier_feedforward: FeedForwardConfiguration,
        matcher_backward: BiMpmMatchingConfiguration | None = None,
        dropout: float = 0.1,
        initializer: InitializerApplicator | None = None,
        label_weights: LabelWeights | None = None,
    ) -> None:
        super().__init__(backbone, labels, label_weights=label_weights)
        backbone.encoder = TimeDistributedEncoder(backbone.encoder)
        encoder = field_encoder.input_dim(backbone.encoder.get_output_dim()).compile()
        self._field_encoder = TimeDistributedEncoder(encoder)
        self._record_encoder = record_encoder.input_dim(encoder.get_output_dim()).compile()
        dim = self._record_encoder.get_output_dim() // (2 if matcher_backward else 1)
        self._matcher_forward: BiMpmMatching = matcher_forward.input_dim(dim).compile()
        self._matcher_backward: BiMpmMatching | None = (
            matcher_backward.input_dim(dim).compile() if matcher_backward else None
        )
        matching_dim = sum(matcher.get_output_dim() for matcher in self._matchers())
        self._aggregator = aggregator.input_dim(matching_dim).compile()
        pair_dim = 2 * self._aggregator.get_output_dim()
        self._classifier_feedforward = classifier_feedforward.input_dim(pair_dim).compile()
        self._output_layer = nn.Linear(self._classifier_feedforward.get_output_dim(), self.num_labels)
        self._dropout = nn.Dropout(dropout)
        if initializer is not None:
            initializer(self)

    def _matchers(self) -> list[BiMpmMatching]:
        return [matcher for matcher in (self._matcher_forward, self._matcher_backward) if matcher is not None]

    @property
    def last_layer(self) -> nn.Linear:
        return self._output_layer

    def inputs(self) -> list[str]:
        return ["record1", "record2"]

    def schema(self) -> InputSchema:
        first, second = {"name": "Blue Noodle Bar", "city": "Leeds"}, {"name": "The Blue Noodle Bar", "city": "Leeds"}
        return schema_of({"record1": TEXTS, "record2": TEXTS}, {"record1": first, "record2": second})

    def encoders(self) -> tuple[list[nn.Module], list[nn.Module]]:
        over_tokens = [self.backbone.encoder.encoder, self._field_encoder.encoder]
        return over_tokens, [self._record_encoder, self._aggregator]

    def featurize(self, record1: Any, record2: Any, label: str | None = None) -> LabelledReading:
        """Raises InvalidInstance for what the original refused."""
        reading = LabelledReading({})
        for name, record in (("record1", record1), ("record2", record2)):
            clip = Clipper()
            reading.inputs[name] = self.backbone.featurizer(record, name, clip)
            reading.truncated += [name] if clip.clipped else []
        return self.add_label(reading, label)

    def encode(self, record1: TextFieldTensors, record2: TextFieldTensors) -> Tensor:
        """Twice (batch, fields, tokens) ids -> (batch, dim)."""
        if self.training:
            return self.match_fields(*self.encode_fields(record1), *self.encode_fields(record2))
        sides = self._sides(record1, record2)
        return self._match_stacked(*sides[0]) if len(sides) == 1 else self.match_fields(*sides[0], *sides[1])

    def pool(self, record1: TextFieldTensors, record2: TextFieldTensors) -> Tensor:
        """The fields' vectors, each with a 1 behind it, or a 0 where there is none: twice (batch, fields, tokens) ids
        -> (batch, fields * 2 * (dim + 1)), with as many fields as the longer record has."""
        marked = [torch.cat([fields, mask.unsqueeze(-1)], dim=-1) for fields, mask in self._sides(record1, record2)]
        records = marked if len(marked) == 2 else marked[0].chunk(2)
        longest = max(record.size(1) for record in records)
        as_long = [functional.pad(record, (0, 0, 0, longest - record.size(1))) for record in records]
        # twice (batch, fields, dim + 1) -> (batch, fields, 2, dim + 1) -> (batch, fields * 2 * (dim + 1))
        return torch.stack(as_long, dim=2).flatten(1)

    def finish(self, pooled: Tensor) -> Tensor:
        """(batch, fields * 2 * (dim + 1)) -> (batch, dim)."""
        width = self._field_encoder.get_output_dim() + 1
        # (batch, fields * 2 * (dim + 1)) -> twice (batch, fields, dim + 1)
        record1, record2 = pooled.unflatten(1, (-1, 2, width)).unbind(2)
        return self.match_fields(
            record1[..., :-1], record1[..., -1] > MARKED, record2[..., :-1], record2[..., -1] > MARKED
        )

    def _sides(self, record1: TextFieldTensors, record2: TextFieldTensors) -> list[tuple[Tensor, Tensor]]:
        """The fields' vectors (batch, fields, dim) and their mask (batch, fields) of each record, or where they are
        alike of both, one record's behind the other's."""
        (embedded1, mask1), (embedded2, mask2) = self._embedded(record1), self._embedded(record2)
        texts = [(embedded1, mask1), (embedded2, mask2)]
        if _alike(embedded1, embedded2):
            texts = [_stacked(embedded1, mask1, embedded2, mask2)]
        return [(self._fields(embedded, mask), mask.any(dim=-1)) for embedded, mask in texts]

    def encode_fields(self, record: TextFieldTensors) -> tuple[Tensor, Tensor]:
        """(batch, fields, tokens) ids -> a vector for each field (batch, fields, dim), and their mask."""
        embedded, mask = self._embedded(record)
        return self._fields(embedded, mask), mask.any(dim=-1)

    def _embedded(self, record: TextFieldTensors) -> tuple[Tensor, Tensor]:
        """(batch, fields, tokens) ids -> vectors (batch, fields, tokens, dim) and their mask."""
        mask = get_text_field_mask(record, num_wrapping_dims=1)
        return self.backbone.embedder(record, num_wrapping_dims=1), mask

    def _fields(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """(batch, fields, tokens, dim), (batch, fields, tokens) -> (batch, fields, dim)."""
        encoded = self._dropout(self.backbone.encoder(embedded, mask=mask))
        fields: Tensor = self._field_encoder(encoded, mask=mask, extent=self._token_extent(mask))
        return self._dropout(fields)

    def match_fields(self, fields1: Tensor, mask1: Tensor, fields2: Tensor, mask2: Tensor) -> Tensor:
        """Twice (batch, fields, dim), (batch, fields) -> (batch, dim)."""
        if not self.training and _alike(fields1, fields2):
            return self._match_stacked(torch.cat([fields1, fields2]), torch.cat([mask1, mask2]))
        encoded1, encoded2 = self._record(fields1, mask1), self._record(fields2, mask2)
        side1, side2 = match_in_parts(self._matchers(), encoded1, mask1, encoded2, mask2)
        return self._combined(self._aggregate(side1, mask1), self._aggregate(side2, mask2))

    def _match_stacked(self, fields: Tensor, mask: Tensor) -> Tensor:
        """The same of both records' fields, one record's behind the other's: (2 * batch, fields, dim), (2 * batch,
        fields) -> (batch, dim)."""
        (encoded1, encoded2), (mask1, mask2) = self._record(fields, mask).chunk(2), mask.chunk(2)
        sides = match_in_parts(self._matchers(), encoded1, mask1, encoded2, mask2)
        return self._combined(*self._aggregate(torch.cat(sides), mask).chunk(2))

    def _combined(self, record1: Tensor, record2: Tensor) -> Tensor:
        """Twice (batch, aggregator dim) -> (batch, dim)."""
        combined: Tensor = self._classifier_feedforward(torch.cat([record1, record2], dim=-1))
        return combined

    def _record(self, fields: Tensor, mask: Tensor) -> Tensor:
        """(batch, fields, dim), (batch, fields) -> (batch, fields, dim)."""
        encoded: Tensor = self._dropout(self._record_encoder(fields, mask=mask))
        return encoded

    def explain_prediction(
        self, prediction: dict[str, Any], instance: LabelledReading | Mapping[str, Any], n_steps: int
    ) -> dict[str, Any]:
        """Adds "explain" to a prediction and returns it: how much each data field speaks for the predicted label.

        `{"record1": [{"token": "city leeds", "attribution": 0.7}, ...], "record2": [...]}`: integrated gradients of
        the label's logit in `n_steps`, along the path from the other record's fields to this one's, divided by the L2
        norm of each record. They say something of duplicate / not_duplicate labels only. Zeros where the records
        encode identically (the original: NaN); with `n_steps` of 0 or less each field is a list of its tokens, with
        zeros.

        `instance` is what `featurize` made, or the records by name; the label is that of the prediction's largest
        `logits` (num_labels,), of the head's own where it has none. Dropout acts as in any call in training mode.

        Raises InvalidInstance for records of different numbers of fields, and for what `featurize` refuses.
        """
        reading = self.featurize(**instance) if isinstance(instance, Mapping) else instance
        prediction["explain"] = explain_records(self, reading, n_steps, prediction.get("logits"))
        return prediction

    def _aggregate(self, matchings: Tensor, mask: Tensor) -> Tensor:
        """(batch, fields, matching dim), (batch, fields) -> (batch, aggregator dim)."""
        aggregated = run_seq2vec(self._aggregator, self._dropout(matchings), mask, self._text_extent(mask))
        return self._dropout(aggregated)

    def forward(
        self, record1: TextFieldTensors, record2: TextFieldTensors, label: Tensor | None = None
    ) -> dict[str, Any]:
        """Twice (batch, fields, tokens) ids and (batch,) label indices -> what `output` gives."""
        return self.output(self._output_layer(self.encode(record1, record2)), label)


MARKED = 0.5
"""What a field's mark is above: it may be interpolated, and so not exactly 1."""


def _alike(one: Tensor, other: Tensor) -> bool:
    """Whether two records can go through an encoder in one call: both have as many fields, as a convolution pools over
    no others. In training they go one after the other, for which dropout draws."""
    return one.size(1) == other.size(1)


@scripted
def _stacked(embedded1: Tensor, mask1: Tensor, embedded2: Tensor, mask2: Tensor) -> tuple[Tensor, Tensor]:
    """Twice (batch, fields, tokens, dim), (batch, fields, tokens) -> (2 * batch, fields, tokens, dim), (2 * batch,
    fields, tokens), with as many tokens as the longer."""
    missing = mask1.size(2) - mask2.size(2)
    if missing > 0:
        embedded2, mask2 = functional.pad(embedded2, [0, 0, 0, missing]), functional.pad(mask2, [0, missing])
    elif missing < 0:
        embedded1, mask1 = functional.pad(embedded1, [0, 0, 0, -missing]), functional.pad(mask1, [0, -missing])
    return torch.cat([embedded1, embedded2]), torch.cat([mask1, mask2])
