"""The common part of biome.text 0.3's sequence classifiers."""

from typing import Any

import torch
from torch import Tensor, nn

from models.allennlp_compat import (
    CategoricalAccuracy,
    FeedForward,
    InitializerApplicator,
    RegularizerApplicator,
    Seq2SeqEncoder,
    Seq2VecEncoder,
    TextFieldEmbedder,
    TextFieldTensors,
    TimeDistributed,
    Vocabulary,
    get_text_field_mask,
)
from models.biome_classifier_mixin import LABELS, BiomeClassifierMixin
from models.cnn import run_seq2vec
from models.pooled import Pooled
from models.present_texts import present_texts
from models.recurrent import fail_on_empty_rows


class SequenceClassifierBase(Pooled, BiomeClassifierMixin):
    """Encodes one or more texts into a vector and scores the labels (`SequenceClassifierBase` of biome.text 0.3).

    embedder -> [seq2seq] -> seq2vec -> dropout
             -> with several texts: [multifield seq2seq] -> multifield seq2vec -> dropout
             -> [feed forward] -> output layer

    `loss_weights` weighs each label in the training loss, by name.

    Raises KeyError or ValueError where `loss_weights` does not name exactly the labels of the vocabulary.
    """

    token_min_padding_length = 0
    """The length that AllenNLP 0.9 pads a text to at least; it changes what a CNN pools over."""

    def __init__(
        self,
        vocab: Vocabulary,
        text_field_embedder: TextFieldEmbedder,
        seq2vec_encoder: Seq2VecEncoder,
        seq2seq_encoder: Seq2SeqEncoder | None = None,
        multifield_seq2seq_encoder: Seq2SeqEncoder | None = None,
        multifield_seq2vec_encoder: Seq2VecEncoder | None = None,
        feed_forward: FeedForward | None = None,
        dropout: float | None = None,
        multifield_dropout: float | None = None,
        initializer: InitializerApplicator | None = None,
        regularizer: RegularizerApplicator | None = None,
        accuracy: CategoricalAccuracy | None = None,
        loss_weights: dict[str, float] | None = None,
    ) -> None:
        super().__init__(vocab=vocab, accuracy=accuracy, regularizer=regularizer)
        self._initializer = initializer or InitializerApplicator()
        self._text_field_embedder = text_field_embedder
        self._dropout = nn.Dropout(dropout) if dropout else None
        self._loss = nn.CrossEntropyLoss(weight=self._ordered(loss_weights) if loss_weights else None)
        self._num_wrapping_dims = 1 if multifield_seq2vec_encoder else 0
        self._multifield_seq2seq_encoder = multifield_seq2seq_encoder
        self._multifield_seq2vec_encoder = multifield_seq2vec_encoder
        self._multifield_dropout = nn.Dropout(multifield_dropout) if multifield_dropout else None
        self._seq2seq_encoder: nn.Module | None = seq2seq_encoder
        self._seq2vec_encoder: nn.Module = seq2vec_encoder
        if multifield_seq2vec_encoder is not None:
            self._seq2seq_encoder = TimeDistributed(seq2seq_encoder) if seq2seq_encoder else None
            self._seq2vec_encoder = TimeDistributed(seq2vec_encoder)
            fail_on_empty_rows(multifield_seq2seq_encoder, multifield_seq2vec_encoder)
        self._feed_forward = feed_forward
        last_encoder = feed_forward or multifield_seq2vec_encoder or seq2vec_encoder
        self._classifier_input_dim = last_encoder.get_output_dim() * self.n_inputs
        self._output_layer = nn.Linear(self._classifier_input_dim, self.num_classes)
        self._initializer(self)

    @property
    def n_inputs(self) -> int:
        """How many encoded inputs the output layer sees side by side."""
        return 1

    @property
    def num_classes(self) -> int:
        size: int = self.vocab.get_vocab_size(namespace=LABELS)
        return size

    @property
    def output_classes(self) -> list[str]:
        """The labels in index order."""
        return [self.label_for_index(index) for index in range(self.num_classes)]

    def extend_labels(self, labels: list[str]) -> None:
        """The original's way: new labels are appended and the WHOLE output layer is drawn anew, untrained.

        Old labels keep their index; known ones are skipped. Metrics and loss weights are not extended.
        """
        self.vocab.add_tokens_to_namespace(labels, namespace=LABELS)
        device = self._output_layer.weight.device
        self._output_layer = nn.Linear(self._classifier_input_dim, self.num_classes).to(device)

    def _pool_one(self, tokens: TextFieldTensors) -> Tensor:
        """(batch, [texts,] tokens) ids -> (batch, pooled dim)."""
        # (batch, [texts,] tokens)
        mask = get_text_field_mask(tokens, num_wrapping_dims=self._num_wrapping_dims)
        # (batch, [texts,] tokens, embedding_dim)
        embedded = self._text_field_embedder(tokens, num_wrapping_dims=self._num_wrapping_dims)
        # (batch, [texts,] dim)
        encoded = self._read(embedded, mask)
        encoded = self._dropout(encoded) if self._dropout else encoded
        if self._multifield_seq2vec_encoder is not None:
            encoded = self._forward_texts(encoded, self._number_of_texts(mask))
        return encoded

    def _read(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """(batch, [texts,] tokens, embedding_dim), (batch, [texts,] tokens) -> (batch, [texts,] dim)."""
        encoder: Any = self._seq2seq_encoder
        pooler: Any = self._seq2vec_encoder
        extent = self._extent(mask)
        there = present_texts(embedded, mask) if self._num_wrapping_dims else None
        if there is None:
            encoded = embedded if encoder is None else encoder(embedded, mask=mask)
            return run_seq2vec(pooler, encoded, mask, extent)
        mask, extent = there.of_each(mask), there.of_each(extent)
        encoded = there.inputs if encoder is None else encoder._module(there.inputs, mask=mask)
        return there.in_lists(run_seq2vec(pooler._module, encoded, mask, extent))

    def _forward_texts(self, vectors: Tensor, texts: Tensor) -> Tensor:
        """(batch, texts, dim), (batch,) -> (batch, dim).

        The original masks a text whose vector has no positive component, whether it holds tokens or not.
        """
        # (batch, texts)
        present = torch.arange(vectors.size(1), device=vectors.device) < texts.unsqueeze(1)
        mask = (vectors > 0).any(dim=-1) & present
        if self._multifield_seq2seq_encoder is not None:
            vectors = self._multifield_seq2seq_encoder(vectors, mask)
        vectors = run_seq2vec(self._multifield_seq2vec_encoder, vectors, mask, texts)
        return self._multifield_dropout(vectors) if self._multifield_dropout else vectors

    @staticmethod
    def _number_of_texts(mask: Tensor) -> Tensor:
        """How many texts each instance has when alone: (batch, texts, tokens) -> (batch,)."""
        return mask.any(dim=-1).sum(dim=-1)

    def _extent(self, mask: Tensor) -> Tensor:
        """The length each text is padded to when alone: (batch, [texts,] tokens) -> (batch, [texts])."""
        # (batch, [texts])
        lengths = mask.sum(dim=-1)
        # (batch, [1])
        longest = lengths.amax(dim=-1, keepdim=True) if self._num_wrapping_dims else lengths
        return longest.clamp(min=self.token_min_padding_length).expand_as(lengths)

    def output_layer(self, encoded_text: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        """(batch, dim), (batch,) -> `logits`, `class_probabilities` (batch, num_classes), with labels also `loss`."""
        logits = self._output_layer(encoded_text)
        output = {"logits": logits, "class_probabilities": logits.softmax(dim=1)}
        if label is not None:
            output["loss"] = self._loss(logits, label.long())
            self.update_metrics(logits, label)
        return output

    def forward_tokens(self, tokens: TextFieldTensors) -> Tensor:
        """Everything but the output layer: (batch, [texts,] tokens) ids -> (batch, dim)."""
        pooled = self._pool_one(tokens)
        return self._feed_forward(pooled) if self._feed_forward else pooled

    def pool(self, *inputs: TextFieldTensors) -> Tensor:
        """The inputs side by side: (batch, n_inputs * pooled dim)."""
        return torch.cat([self._pool_one(tokens) for tokens in inputs], dim=-1)

    def finish(self, pooled: Tensor) -> Tensor:
        """What the output layer sees: (batch, n_inputs * pooled dim) -> (batch, n_inputs * dim)."""
        if self._feed_forward is None:
            return pooled
        # (batch, n_inputs * pooled dim) -> (batch, n_inputs, pooled dim)
        finished: Tensor = self._feed_forward(pooled.unflatten(-1, (self.n_inputs, -1)))
        return finished.flatten(1)  # (batch, n_inputs * dim)

    def forward(self, *inputs: Any, **named: Any) -> dict[str, Tensor]:
        raise NotImplementedError("SequenceClassifier and SequencePairClassifier say what their inputs are")

    def _ordered(self, loss_weights: dict[str, float]) -> Tensor:
        if len(loss_weights) > self.num_classes:
            raise ValueError(f"loss_weights has {len(loss_weights)} entries for {self.num_classes} labels")
        return torch.tensor([loss_weights[label] for label in self.output_classes], dtype=torch.float)
