"""Hugging Face checkpoints seen from their word embeddings."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from models.checkpoint import NAMES, CheckpointClassifier, texts_of
from models.classifier import Batch, Features, Instance
from models.embedding_lookup import EmbeddingLookup
from models.explain_archive import blank_pieces, mask_piece
from models.explainable import Embedded, Explainable, InputToken, Tokenization
from models.smoothness import smooth_transformer


def reads_rows(classifier: CheckpointClassifier) -> bool:
    """Whether embeddings are looked up instance by instance; XLNet turns its ids first."""
    model: Any = getattr(classifier.model, "model", classifier.model)
    return bool(model.config.model_type != "xlnet")


SMOOTH_FAMILIES = frozenset({"bert", "camembert", "electra", "roberta", "xlm-roberta"})
"""Others have rectifiers before their last layer, or were not tried."""


class ExplainableCheckpoint(Explainable):
    """Embeddings are the model's own, one for each word piece; it adds positions and types itself."""

    def __init__(self, classifier: CheckpointClassifier) -> None:
        self.classifier = classifier
        model: Any = getattr(classifier.model, "model", classifier.model)
        embeddings: Any = model.bert.get_input_embeddings() if hasattr(model, "bert") else model.get_input_embeddings()
        self._table: Tensor = embeddings.weight
        self.smooth = model.config.model_type in SMOOTH_FAMILIES and smooth_transformer(model.config)
        self._tokenizer = tokenizer = classifier.tokenizer
        self._blank_ids = {"pad": tokenizer.padding_id, "mask": mask_piece(tokenizer.rust)}
        self.baselines = ("pad", "zero", *(["mask"] if self._blank_ids["mask"] is not None else []))

    def embed(self, batch: Batch) -> Embedded:
        return [functional.embedding(batch.tensors["input_ids"], self._table)]

    def encode(self, batch: Batch, embedded: Embedded) -> Tensor:
        with EmbeddingLookup(self._table, embedded):
            return self.classifier.encode(batch)

    def blank(self, batch: Batch, embedded: Embedded, baseline: str) -> Embedded:
        return blank_pieces(self._table, embedded, self._blank_ids.get(baseline))

    def tokenization(self, instance: Instance, features: Features) -> Tokenization:
        encoding = self._tokenizer.encoding(*texts_of(instance))
        named = {"text": instance} if isinstance(instance, str) else instance
        tokens = []
        pieces = zip(encoding.tokens, encoding.sequence_ids, encoding.offsets, strict=True)
        for position, (piece, sequence, (start, end)) in enumerate(pieces):
            span = (None, None) if sequence is None else (start, end)
            tokens.append(InputToken(0, (position,), piece, NAMES[sequence or 0], *span))
        return Tokenization(tokens, {name: named[name] for name in NAMES if name in named})
