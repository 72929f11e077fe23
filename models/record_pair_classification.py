"""biome.text's RecordPairClassification: how are two records related?"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.allennlp_compat import InitializerApplicator, TextFieldTensors, get_text_field_mask
from models.bimpm_matching import BiMpmMatching
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

    def pool(self, record1: TextFieldTensors, record2: TextFieldTensors) -> Tensor:
        """Twice (batch, fields, tokens) ids -> (batch, dim)."""
        if self.training:
            return self.match_fields(*self.encode_fields(record1), *self.encode_fields(record2))
        first, second = self._embedded(record1), self._embedded(record2)
        fields1, fields2 = self._both(self._fields, first, second)
        return self.match_fields(fields1, first[1].any(dim=-1), fields2, second[1].any(dim=-1))

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
        encoded1, encoded2 = self._both(self._record, (fields1, mask1), (fields2, mask2))
        matchers = self._matchers()
        halves = zip(
            matchers, encoded1.chunk(len(matchers), dim=-1), encoded2.chunk(len(matchers), dim=-1), strict=True
        )
        matchings = [matcher(half1, mask1, half2, mask2) for matcher, half1, half2 in halves]
        side1, side2 = (torch.cat([v for matching in matchings for v in matching[side]], dim=2) for side in (0, 1))
        pair = self._both(self._aggregate, (side1, mask1), (side2, mask2))
        # (batch, 2 * aggregator dim) -> (batch, dim)
        encoded: Tensor = self._classifier_feedforward(torch.cat(pair, dim=-1))
        return encoded

    def _record(self, fields: Tensor, mask: Tensor) -> Tensor:
        """(batch, fields, dim), (batch, fields) -> (batch, fields, dim)."""
        encoded: Tensor = self._dropout(self._record_encoder(fields, mask=mask))
        return encoded

    def _both(
        self, run: Callable[..., Tensor], first: tuple[Tensor, ...], second: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """What `run` gives for each record's tensors (batch, fields, ...): in one call where both have as many fields,
        as a convolution pools over no others, but not in training, where dropout draws for one after the other."""
        if self.training or first[0].size(1) != second[0].size(1):
            return run(*first), run(*second)
        return run(*(torch.cat(_padded_alike(*pair)) for pair in zip(first, second, strict=True))).chunk(2)

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


def _padded_alike(one: Tensor, other: Tensor) -> list[Tensor]:
    """(batch, fields, tokens, ...) each, with as many tokens; (batch, fields) as they are."""
    if one.shape == other.shape:
        return [one, other]
    most = max(one.size(2), other.size(2))
    beyond = [0, 0] * (one.dim() - 3)
    return [functional.pad(tensor, [*beyond, 0, most - tensor.size(2)]) for tensor in (one, other)]
