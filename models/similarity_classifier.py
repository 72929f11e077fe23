"""biome.text 0.3's SimilarityClassifier: are two texts, or two records, the same?"""

import logging

import torch
from torch import Tensor, nn

from models.allennlp_compat import (
    FeedForward,
    InitializerApplicator,
    Model,
    RegularizerApplicator,
    Seq2SeqEncoder,
    Seq2VecEncoder,
    TextFieldEmbedder,
    TextFieldTensors,
    Vocabulary,
)
from models.sequence_classifier_base import SequenceClassifierBase

logger = logging.getLogger(__name__)


@Model.register("similarity_classifier")
class SimilarityClassifier(SequenceClassifierBase):
    """A pair classifier whose loss also pulls vectors of the same thing together.

    loss = cross entropy + `verification_weight` * cosine embedding loss with `margin`, after Sun et al., 2014
    (https://arxiv.org/abs/1406.4773). Label index 0 is taken to mean "same".
    """

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
        margin: float = 0.5,
        verification_weight: float = 2.0,
    ) -> None:
        super().__init__(
            vocab=vocab,
            text_field_embedder=text_field_embedder,
            seq2vec_encoder=seq2vec_encoder,
            seq2seq_encoder=seq2seq_encoder,
            multifield_seq2seq_encoder=multifield_seq2seq_encoder,
            multifield_seq2vec_encoder=multifield_seq2vec_encoder,
            feed_forward=feed_forward,
            dropout=dropout,
            multifield_dropout=multifield_dropout,
            initializer=initializer,
            regularizer=regularizer,
        )
        if self.num_classes and self.label_for_index(0) != "same":
            logger.info("label 0 is %r; the similarity loss takes label 0 to mean the same", self.label_for_index(0))
        self._verification_weight = verification_weight
        self._loss_sim = nn.CosineEmbeddingLoss(margin=margin, reduction="none")

    @property
    def n_inputs(self) -> int:
        return 2

    def forward(
        self, record1: TextFieldTensors, record2: TextFieldTensors, label: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Twice (batch, [texts,] tokens) ids and (batch,) label indices -> what `output_layer` gives."""
        return self.output_layer(self.encode(record1, record2), label)

    def output_layer(self, encoded_text: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        """As in SequenceClassifierBase; `encoded_text` is (batch, 2 * dim) and `loss` holds both parts."""
        output = super().output_layer(encoded_text, label)
        if label is not None:
            output["loss"] = output["loss"] + self.verification_loss(encoded_text, label).mean()
        return output

    def verification_loss(self, encoded_text: Tensor, label: Tensor) -> Tensor:
        """The weighted cosine part of the loss: (batch, 2 * dim), (batch,) -> (batch,)."""
        # Twice (batch, dim)
        vectors1, vectors2 = encoded_text.chunk(2, dim=-1)
        same = torch.where(label == 0, 1.0, -1.0)
        loss: Tensor = self._verification_weight * self._loss_sim(vectors1, vectors2, same)
        return loss
