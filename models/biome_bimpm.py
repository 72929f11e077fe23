"""biome.text 0.3's BiomeBiMpm: bilateral multi-perspective matching of two texts (Wang et al., 2017)."""

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
    Vocabulary,
    check_dimensions_match,
    get_text_field_mask,
)
from models.bimpm_matching import BiMpmMatching, match
from models.biome_classifier_mixin import BiomeClassifierMixin
from models.cnn import run_seq2vec

Layers = tuple[nn.Module, ...]


def split_feedforward(feedforward: FeedForward) -> tuple[Layers, tuple[nn.Module]]:
    """The modules before the last linear layer, and that layer with its activation."""
    *hidden, last = zip(feedforward._linear_layers, feedforward._activations, feedforward._dropout, strict=True)
    before = tuple(module for layer in hidden for module in layer)
    return before, (nn.Sequential(*last[:2]),)


def halves(encoded: Tensor) -> tuple[Tensor, Tensor]:
    """The forward and the backward half of a bidirectional encoding: (..., 2 * dim) -> twice (..., dim)."""
    forward, backward = encoded.chunk(2, dim=-1)
    return forward, backward


@Model.register("biome_bimpm")
class BiomeBiMpm(BiomeClassifierMixin):
    """BiMPM (https://arxiv.org/abs/1702.03814) with two encoders, as AllenNLP 0.9's BiMpm with records for inputs.

    The words and the two encodings of each text are matched against the other text; the matching vectors are
    aggregated and classified. The last layer of `classifier_feedforward` gives the logits.

    Raises ConfigurationError where the dimensions of the parts do not fit.
    """

    token_min_padding_length = 0
    """The length that AllenNLP 0.9 pads a text to at least; it changes what a CNN pools over."""

    def __init__(
        self,
        vocab: Vocabulary,
        text_field_embedder: TextFieldEmbedder,
        matcher_word: BiMpmMatching,
        encoder1: Seq2SeqEncoder,
        matcher_forward1: BiMpmMatching,
        matcher_backward1: BiMpmMatching,
        encoder2: Seq2SeqEncoder,
        matcher_forward2: BiMpmMatching,
        matcher_backward2: BiMpmMatching,
        aggregator: Seq2VecEncoder,
        classifier_feedforward: FeedForward,
        dropout: float = 0.1,
        initializer: InitializerApplicator = InitializerApplicator(),  # noqa: B008  (stateless)
        regularizer: RegularizerApplicator | None = None,
        accuracy: CategoricalAccuracy | None = None,
    ) -> None:
        super().__init__(vocab=vocab, accuracy=accuracy, regularizer=regularizer)
        self.text_field_embedder = text_field_embedder
        self.matcher_word = matcher_word
        self.encoder1 = encoder1
        self.matcher_forward1 = matcher_forward1
        self.matcher_backward1 = matcher_backward1
        self.encoder2 = encoder2
        self.matcher_forward2 = matcher_forward2
        self.matcher_backward2 = matcher_backward2
        self.aggregator = aggregator
        self.classifier_feedforward = classifier_feedforward
        # Tuples, so that these layers are not registered a second time.
        self._hidden_layers, self._head = split_feedforward(classifier_feedforward)
        self.dropout = nn.Dropout(dropout)
        self.loss = nn.CrossEntropyLoss()
        self._check_dimensions()
        initializer(self)

    @property
    def matchers(self) -> tuple[BiMpmMatching, ...]:
        """Of the words, and of both halves of the two encodings."""
        return (
            self.matcher_word,
            self.matcher_forward1,
            self.matcher_backward1,
            self.matcher_forward2,
            self.matcher_backward2,
        )

    def _check_dimensions(self) -> None:
        matching_dim = sum(matcher.get_output_dim() for matcher in self.matchers)
        check_dimensions_match(matching_dim, self.aggregator.get_input_dim(), "all matchers", "aggregator input")
        pair_dim = 2 * self.aggregator.get_output_dim()
        check_dimensions_match(pair_dim, self.classifier_feedforward.get_input_dim(), "pair", "feed forward input")

    def encode(self, record1: TextFieldTensors, record2: TextFieldTensors) -> Tensor:
        """What the last layer sees: twice (batch, tokens) ids -> (batch, dim)."""
        (mask1, parts1), (mask2, parts2) = self._encode_text(record1), self._encode_text(record2)
        side1, side2 = match(self.matchers, parts1, mask1, parts2, mask2)
        # (batch, 2 * aggregator dim)
        pair = torch.cat([self._aggregate(side1, mask1), self._aggregate(side2, mask2)], dim=-1)
        for layer in self._hidden_layers:
            pair = layer(pair)
        return pair

    @property
    def head(self) -> nn.Module:
        """The last layer: (batch, dim) -> (batch, num_classes)."""
        return self._head[0]

    def _encode_text(self, text: TextFieldTensors) -> tuple[Tensor, list[Tensor]]:
        """The mask (batch, tokens), and for each matcher its part of the text (batch, tokens, dim)."""
        mask = get_text_field_mask(text)
        embedded = self.dropout(self.text_field_embedder(text))
        first = self.dropout(self.encoder1(embedded, mask))
        second = self.dropout(self.encoder2(first, mask))
        return mask, [embedded, *halves(first), *halves(second)]

    def _aggregate(self, matchings: Tensor, mask: Tensor) -> Tensor:
        """(batch, tokens, matching dim), (batch, tokens) -> (batch, aggregator dim)."""
        aggregated = run_seq2vec(self.aggregator, self.dropout(matchings), mask, self._extent(mask))
        pooled: Tensor = self.dropout(aggregated)
        return pooled

    def _extent(self, mask: Tensor) -> Tensor:
        """The length each text is padded to when alone: (batch, tokens) -> (batch,)."""
        return mask.sum(dim=-1).clamp(min=self.token_min_padding_length)

    def forward(
        self, record1: TextFieldTensors, record2: TextFieldTensors, label: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Twice (batch, tokens) ids and (batch,) label indices.

        Gives `logits` and `class_probabilities` (batch, num_classes), with labels also `loss`.
        """
        logits = self.head(self.encode(record1, record2))
        output = {"logits": logits, "class_probabilities": logits.softmax(dim=-1)}
        if label is not None:
            output["loss"] = self.loss(logits, label)
            self.update_metrics(logits, label)
        return output
