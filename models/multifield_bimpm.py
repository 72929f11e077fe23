"""biome.text 0.3's MultifieldBiMpm: bilateral multi-perspective matching of two records, field against field."""

import torch
from torch import Tensor, nn

from models.allennlp_compat import (
    CategoricalAccuracy,
    FeedForward,
    InitializerApplicator,
    Model,
    RegularizerApplicator,
    Seq2SeqEncoder,
    Seq2VecEncoder,
    TextFieldEmbedder,
    TextFieldTensors,
    TimeDistributed,
    Vocabulary,
    check_dimensions_match,
    get_text_field_mask,
)
from models.bimpm_matching import BiMpmMatching, match
from models.biome_bimpm import halves
from models.biome_classifier_mixin import LABELS, BiomeClassifierMixin
from models.cnn import run_seq2vec

Layer = tuple[BiMpmMatching, BiMpmMatching | None, Tensor, Tensor]
"""A forward and perhaps a backward matcher with what they match: twice (batch, [fields,] tokens, dim)."""


@Model.register("multifield_bimpm")
class MultifieldBiMpm(BiomeClassifierMixin):
    """BiMPM over every pair of fields (i of record1, j of record2), with one or two encoders.

    The matching vectors of all pairs are strung together, padding included, and aggregated. The original's
    recurrent aggregator then reads the first `sum(mask)` positions, holes and all, so that the answer depends on
    how the fields are padded: instances of one batch must have one shape.

    `multifield=False` matches two plain texts. Raises ConfigurationError where dimensions do not fit.
    """

    def __init__(
        self,
        vocab: Vocabulary,
        text_field_embedder: TextFieldEmbedder,
        matcher_word: BiMpmMatching,
        encoder: Seq2SeqEncoder,
        matcher_forward: BiMpmMatching,
        aggregator: Seq2VecEncoder,
        classifier_feedforward: FeedForward,
        matcher_backward: BiMpmMatching | None = None,
        encoder2: Seq2SeqEncoder | None = None,
        matcher2_forward: BiMpmMatching | None = None,
        matcher2_backward: BiMpmMatching | None = None,
        dropout: float = 0.1,
        multifield: bool = True,
        initializer: InitializerApplicator = InitializerApplicator(),  # noqa: B008  (stateless)
        regularizer: RegularizerApplicator | None = None,
        accuracy: CategoricalAccuracy | None = None,
    ) -> None:
        super().__init__(vocab=vocab, accuracy=accuracy, regularizer=regularizer)
        self.num_wrapping_dims = 1 if multifield else 0
        self.text_field_embedder = text_field_embedder
        self.matcher_word = matcher_word
        self.encoder = encoder
        self.td_encoder = TimeDistributed(encoder) if multifield else encoder
        self.matcher_forward = matcher_forward
        self.matcher_backward = matcher_backward
        self.encoder2 = encoder2
        self.td_encoder2 = TimeDistributed(encoder2) if multifield and encoder2 else encoder2
        self.matcher2_forward = matcher2_forward
        self.matcher2_backward = matcher2_backward
        self.aggregator = aggregator
        self.classifier_feedforward = classifier_feedforward
        self.output_layer = nn.Linear(classifier_feedforward.get_output_dim(), vocab.get_vocab_size(LABELS))
        self.dropout = nn.Dropout(dropout)
        self.loss = nn.CrossEntropyLoss()
        self._check_dimensions()
        initializer(self)

    def _check_dimensions(self) -> None:
        optional = (self.matcher_backward, self.matcher2_forward, self.matcher2_backward)
        matchers = [self.matcher_word, self.matcher_forward, *(matcher for matcher in optional if matcher)]
        matching_dim = sum(matcher.get_output_dim() for matcher in matchers)
        check_dimensions_match(matching_dim, self.aggregator.get_input_dim(), "all matchers", "aggregator input")
        pair_dim = 2 * self.aggregator.get_output_dim()
        check_dimensions_match(pair_dim, self.classifier_feedforward.get_input_dim(), "pair", "feed forward input")

    def encode(self, record1: TextFieldTensors, record2: TextFieldTensors) -> Tensor:
        """Everything but the output layer: twice (batch, [fields,] tokens) ids -> (batch, feed forward dim)."""
        mask1, *encoded1 = self._encode_record(record1)
        mask2, *encoded2 = self._encode_record(record2)
        layers: list[Layer] = [(self.matcher_word, None, encoded1[0], encoded2[0])]
        layers.append((self.matcher_forward, self.matcher_backward, encoded1[1], encoded2[1]))
        if self.encoder2 is not None and self.matcher2_forward is not None:
            layers.append((self.matcher2_forward, self.matcher2_backward, encoded1[2], encoded2[2]))
        if self.num_wrapping_dims:
            sides = self._match_fields(layers, mask1, mask2)
        else:
            sides = self._match(layers, mask1, mask2)
        encoded: Tensor = self.classifier_feedforward(torch.cat(self._aggregate_sides(sides), dim=-1))
        return encoded

    def _aggregate_sides(self, sides: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, ...]:
        """Of each (batch, tokens, matching dim) and (batch, tokens) -> (batch, aggregator dim), in one call where both
        are as long. In training they go one after the other, for which dropout draws."""
        vectors, masks = zip(*sides, strict=True)
        if self.training or masks[0].size(1) != masks[1].size(1):
            return tuple(map(self._aggregate, vectors, masks))
        return self._aggregate(torch.cat(vectors), torch.cat(masks)).chunk(2)

    def _aggregate(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """(batch, tokens, matching dim), (batch, tokens) -> (batch, aggregator dim); a CNN pools over padding too."""
        whole = torch.full((mask.size(0),), mask.size(1), device=mask.device)
        aggregated: Tensor = self.dropout(run_seq2vec(self.aggregator, vectors, mask, whole))
        return aggregated

    def _encode_record(self, record: TextFieldTensors) -> list[Tensor]:
        """The mask (batch, [fields,] tokens), the embedding and each encoding (batch, [fields,] tokens, dim)."""
        mask = get_text_field_mask(record, num_wrapping_dims=self.num_wrapping_dims)
        embedded = self.dropout(self.text_field_embedder(record, num_wrapping_dims=self.num_wrapping_dims))
        first = self.dropout(self.td_encoder(embedded, mask=mask))
        encodings = [mask, embedded, first]
        if self.td_encoder2 is not None:
            encodings.append(self.dropout(self.td_encoder2(first, mask=mask)))
        return encodings

    def _match_fields(self, layers: list[Layer], mask1: Tensor, mask2: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Each side's matchings of all pairs of fields along the token axis, with their masks.

        All pairs are matched in one call: the pairs go into the batch axis, i in the outer loop, j in the inner.
        """
        batch, fields1, fields2 = mask1.size(0), mask1.size(1), mask2.size(1)

        def outer(tensor: Tensor) -> Tensor:
            # (batch, fields1, tokens1, ...) -> (batch * fields1 * fields2, tokens1, ...)
            return tensor.repeat_interleave(fields2, dim=1).flatten(0, 1)

        def inner(tensor: Tensor) -> Tensor:
            # (batch, fields2, tokens2, ...) -> (batch * fields1 * fields2, tokens2, ...)
            return tensor.repeat(1, fields1, *[1] * (tensor.dim() - 2)).flatten(0, 1)

        pairs = [(forward, backward, outer(one), inner(two)) for forward, backward, one, two in layers]
        sides = self._match(pairs, outer(mask1), inner(mask2))
        # (batch * pairs, tokens, dim) -> (batch, pairs * tokens, dim)
        return [(vectors.reshape(batch, -1, vectors.size(-1)), mask.reshape(batch, -1)) for vectors, mask in sides]

    def _match(self, layers: list[Layer], mask1: Tensor, mask2: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(batch, tokens, matching dim) and (batch, tokens) of each side."""
        matchers: list[BiMpmMatching] = []
        parts1: list[Tensor] = []
        parts2: list[Tensor] = []
        for forward, backward, encoded1, encoded2 in layers:
            matchers += [forward] if backward is None else [forward, backward]
            parts1 += [encoded1] if backward is None else halves(encoded1)
            parts2 += [encoded2] if backward is None else halves(encoded2)
        sides = match(matchers, parts1, mask1, parts2, mask2)
        return [(self.dropout(sides[0]), mask1), (self.dropout(sides[1]), mask2)]

    def forward(
        self, record1: TextFieldTensors, record2: TextFieldTensors, label: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Twice (batch, [fields,] tokens) ids and (batch,) label indices.

        Gives `logits` and `class_probabilities` (batch, num_classes), with labels also `loss`.
        """
        logits = self.output_layer(self.encode(record1, record2))
        output = {"logits": logits, "class_probabilities": logits.softmax(dim=-1)}
        if label is not None:
            output["loss"] = self.loss(logits, label)
            self.update_metrics(logits, label)
        return output
