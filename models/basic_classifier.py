"""AllenNLP's BasicClassifier, with its encoder apart from its head."""

from typing import Any

from torch import Tensor

from models.allennlp_compat import (
    BasicClassifier,
    Model,
    TextFieldTensors,
    get_text_field_mask,
    get_token_ids_from_text_field_tensors,
)
from models.cnn import run_seq2vec
from models.pooled import Pooled


@Model.register("basic_classifier", exist_ok=True)
class EncodingBasicClassifier(Pooled, BasicClassifier):
    """Registered in place of the original; constructor, weights, outputs and metrics are the original's."""

    token_min_padding_length: int | None = None
    """Set for AllenNLP 0.9 archives, whose CNN pools over a text as padded: to this length at least."""

    def pool(self, tokens: TextFieldTensors) -> Tensor:
        """(batch, tokens) ids -> (batch, pooled dim)."""
        # (batch, tokens)
        mask = get_text_field_mask(tokens)
        # (batch, tokens, dim)
        encoded = self._text_field_embedder(tokens)
        if self._seq2seq_encoder:
            encoded = self._seq2seq_encoder(encoded, mask=mask)
        # (batch, pooled dim)
        pooled = run_seq2vec(self._seq2vec_encoder, encoded, mask, self._extent(mask))
        return self._dropout(pooled) if self._dropout else pooled

    def finish(self, pooled: Tensor) -> Tensor:
        """What `_classification_layer` sees: (batch, pooled dim) -> (batch, dim)."""
        return self._feedforward(pooled) if self._feedforward is not None else pooled

    def forward(self, tokens: TextFieldTensors, label: Tensor | None = None, metadata: Any = None) -> dict[str, Any]:
        """(batch, tokens) ids and (batch,) label indices.

        Gives `logits` and `probs` (batch, num_labels) and `token_ids`, with labels also `loss`.
        """
        logits = self._classification_layer(self.encode(tokens))
        output = {
            "logits": logits,
            "probs": logits.softmax(dim=-1),
            "token_ids": get_token_ids_from_text_field_tensors(tokens),
        }
        if label is not None:
            output["loss"] = self._loss(logits, label.long().view(-1))
            self._accuracy(logits, label)
        return output

    def _extent(self, mask: Tensor) -> Tensor | None:
        """The length each text is padded to when alone: (batch, tokens) -> (batch,)."""
        if self.token_min_padding_length is None:
            return None
        return mask.sum(dim=-1).clamp(min=self.token_min_padding_length)
