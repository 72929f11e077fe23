"""Archives of AllenNLP and biome.text seen from their embeddings.

Where a text's only feature is a transformer's word pieces (BERT included), its embeddings are those of the pieces, as
AllenNLP's interpreters have it; else they are what the text field embedder gives for each token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.allennlp_compat import (
    Embedding,
    PretrainedTransformerEmbedder,
    TextFieldEmbedder,
    TextFieldTensors,
    get_text_field_mask,
)
from models.archive_classifier import ArchiveClassifier
from models.bert_for_classification import BertForClassification
from models.bimpm_matching import BiMpmMatching
from models.classifier import Batch, Features, Instance
from models.embedding_lookup import EmbeddingLookup
from models.explainable import Embedded, Explainable, InputToken, Tokenization
from models.legacy_gradients import LegacyGradients
from models.reader_trace import Segment, trace
from models.recurrent import AllStates, FinalState
from models.relation_classification import ENTITIES
from models.similarity_classifier import SimilarityClassifier
from models.smoothness import smooth_from_tokens, smooth_transformer
from models.text_field_embedder import EMBEDDED, CharacterEncoder, embedded_indexers
from models.text_layout import Placed, layout
from models.word_piece_indexers import BertPieces, TransformerPieces

PADDED = ("tokens", "token_characters", "token_ids", "ids")
"""Names of the tensors that hold what a text says; the others say how long it is."""


def explain_archive(classifier: ArchiveClassifier) -> Explainable:
    """The classifier from where its original's gradients end."""
    model = classifier.model
    if isinstance(model, BertForClassification):
        return FromPieces(classifier, model.bert_model, model._index)
    embedder = _text_field_embedder(model)
    name, *others = embedder._ordered_embedder_keys
    only: Any = getattr(embedder, f"token_embedder_{name}")
    if not others and isinstance(only, PretrainedTransformerEmbedder) and not only._max_length:
        return FromPieces(classifier, only.transformer_model, name)
    return FromTextField(classifier, embedder)


def explain_text_field(classifier: ArchiveClassifier) -> Explainable:
    """The classifier from the output of its text field embedder, transformer or not, as in biome.text 1.0 - 3.3."""
    return FromTextField(classifier, _text_field_embedder(classifier.model))


def _text_field_embedder(model: nn.Module) -> Any:
    return next(module for module in model.modules() if isinstance(module, TextFieldEmbedder))


class ExplainableArchive(Explainable):
    classifier: ArchiveClassifier

    def __init__(self, classifier: ArchiveClassifier) -> None:
        self.classifier = classifier
        self.stepwise = any(isinstance(module, AllStates | FinalState) for module in classifier.model.modules())
        compares = any(isinstance(module, BiMpmMatching) for module in classifier.model.modules())
        self.packed = self.stepwise and not compares  # what is compared is padded

    def tokenization(self, instance: Instance, features: Features) -> Tokenization:
        reader, indexer = self.classifier._reader, self.classifier._indexer
        traces = trace(reader, instance)
        tokens: list[InputToken] = []
        for number, (name, texts) in enumerate(features.inputs.items()):
            for text_number, (text, segments) in enumerate(zip(texts, traces.texts[name], strict=True)):
                place = (text_number,) if reader.lists else ()
                placed = layout(indexer, text)
                tokens += [
                    _input_token(number, (*place, position), one, segments, traces.fields[name])
                    for position, one in enumerate(placed)
                ]
        return Tokenization(tokens, traces.sources)

    def finish(self, pooled: Tensor) -> Tensor:
        return self.classifier.finish(pooled)

    def loss(self, vectors: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
        loss = super().loss(vectors, logits, targets)
        if isinstance(self.classifier.model, SimilarityClassifier):
            return loss + self.classifier.model.verification_loss(vectors, targets)
        return loss

    @contextmanager
    def original_gradients(self) -> Iterator[None]:
        legacy = self.classifier.source.versions in LEGACY_VERSIONS
        with super().original_gradients(), LegacyGradients() if legacy else nullcontext():
            yield


LEGACY_VERSIONS = ("0.3", "0.8 - 0.9")
"""As `Source` names the versions of biome.text and AllenNLP before torch 1.7."""


def _input_token(
    number: int, position: tuple[int, ...], placed: Placed, segments: Sequence[Segment], name: str
) -> InputToken:
    if placed.token is None or placed.start is None or placed.end is None:
        return InputToken(number, position, placed.text, name)
    token = placed.token
    for segment in segments:
        if token < segment.tokens:
            origin = segment.text.span(placed.start, placed.end)
            return InputToken(number, position, placed.text, *(origin or (name, None, None)))
        token -= segment.tokens
    return InputToken(number, position, placed.text, name)


class FromTextField(ExplainableArchive):
    """Embeddings are the text field embedder's output."""

    baselines = ("pad", "zero")

    def __init__(self, classifier: ArchiveClassifier, embedder: Any) -> None:
        super().__init__(classifier)
        self._embedder = embedder
        self._wrapping = int(classifier._reader.lists)
        self.smooth = smooth_from_tokens(classifier.model)
        embedders = embedded_indexers(embedder).values()
        self._alike = all(isinstance(one, Embedding | CharacterEncoder) for one in embedders)
        self._padding_ids = {
            name: indexer._tokenizer.padding_id
            for name, indexer in classifier._indexer.indexers.items()
            if isinstance(indexer, TransformerPieces)
        }

    def embed(self, batch: Batch) -> Embedded:
        return [self._embedder(text, num_wrapping_dims=self._wrapping) for text in batch.tensors.values()]

    def rows(self, batch: Batch, index: Tensor) -> Batch:
        """Where tokens are, without their ids: those of characters are many."""
        tensors = {name: self._places(text) for name, text in batch.tensors.items()}
        return super().rows(Batch(tensors, batch.size, batch.real_tokens, batch.padded_tokens), index)

    def _places(self, text: TextFieldTensors) -> TextFieldTensors:
        tags = {name: tensors for name, tensors in text.items() if name == ENTITIES}
        features = {name: tensors for name, tensors in text.items() if name not in tags}
        mask = get_text_field_mask(features, num_wrapping_dims=self._wrapping)
        return {**tags, EMBEDDED: {"mask": mask}}

    def encode(self, batch: Batch, embedded: Embedded) -> Tensor:
        return self.classifier.encode(_with(batch, embedded))

    def pool(self, batch: Batch, embedded: Embedded) -> Tensor:
        return self.classifier.pool(_with(batch, embedded))

    def blank(self, batch: Batch, embedded: Embedded, baseline: str) -> Embedded:
        if baseline == "zero":
            return [torch.zeros_like(vectors) for vectors in embedded]
        tensors = {name: self._padded(text) for name, text in batch.tensors.items()}
        blank = self.embed(Batch(tensors, batch.size, batch.real_tokens, batch.padded_tokens))
        return [vectors.expand_as(whole) for vectors, whole in zip(blank, embedded, strict=True)]

    def _padded(self, text: TextFieldTensors) -> dict[str, dict[str, Tensor]]:
        """The same text with every token replaced by padding; one token of it where all are embedded alike."""
        one = (slice(1),) * (2 + self._wrapping) if self._alike else ()
        return {
            indexer: {
                name: torch.full_like(tensor[one], self._padding_ids.get(indexer, 0)) if name in PADDED else tensor
                for name, tensor in tensors.items()
            }
            for indexer, tensors in text.items()
        }


def _with(batch: Batch, embedded: Embedded) -> Batch:
    """The batch with embeddings of its own."""
    inputs = zip(batch.tensors.items(), embedded, strict=True)
    tensors = {
        name: {**text, EMBEDDED: {**text.get(EMBEDDED, {}), EMBEDDED: vectors}} for (name, text), vectors in inputs
    }
    return Batch(tensors, batch.size, batch.real_tokens, batch.padded_tokens)


class FromPieces(ExplainableArchive):
    """Embeddings are a transformer's own, one for each word piece; it adds positions and types itself."""

    def __init__(self, classifier: ArchiveClassifier, transformer: Any, index: str) -> None:
        super().__init__(classifier)
        self._table: Tensor = transformer.get_input_embeddings().weight
        self.smooth = smooth_from_tokens(classifier.model) and smooth_transformer(transformer.config)
        self._index = index
        indexer = classifier._indexer.indexers[index]
        self._blank_ids = _blank_ids(indexer)
        self.baselines = ("pad", "zero", *(["mask"] if self._blank_ids["mask"] is not None else []))

    def embed(self, batch: Batch) -> Embedded:
        texts = [text[self._index] for text in batch.tensors.values()]
        return [functional.embedding(text["ids" if "ids" in text else "token_ids"], self._table) for text in texts]

    def encode(self, batch: Batch, embedded: Embedded) -> Tensor:
        return self._looking_up(embedded, self.classifier.encode, batch)

    def pool(self, batch: Batch, embedded: Embedded) -> Tensor:
        return self._looking_up(embedded, self.classifier.pool, batch)

    def _looking_up(self, embedded: Embedded, function: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
        """What the function gives where the batch's pieces have these embeddings."""
        if self.classifier._reader.lists:
            # (batch, texts, pieces, dim) -> (batch * texts, pieces, dim), as the texts are looked up
            embedded = [vectors.flatten(0, 1) for vectors in embedded]
        with EmbeddingLookup(self._table, embedded):
            return function(batch)

    def blank(self, batch: Batch, embedded: Embedded, baseline: str) -> Embedded:
        return blank_pieces(self._table, embedded, self._blank_ids.get(baseline))


def blank_pieces(table: Tensor, embedded: Embedded, piece: int | None) -> Embedded:
    """The embedding of one piece everywhere; zeros for None."""
    if piece is None:
        return [torch.zeros_like(vectors) for vectors in embedded]
    return [table[piece].expand_as(vectors) for vectors in embedded]


def _blank_ids(indexer: Any) -> Mapping[str, int | None]:
    if isinstance(indexer, BertPieces):
        return {"pad": 0, "mask": indexer._vocabulary.get("[MASK]")}
    return {"pad": indexer._tokenizer.padding_id, "mask": mask_piece(indexer._tokenizer._rust)}


def mask_piece(rust_tokenizer: Any) -> int | None:
    """The id of a tokenizer's mask token, where it has one."""
    found = (rust_tokenizer.token_to_id(name) for name in ("[MASK]", "<mask>"))
    return next((piece for piece in found if piece is not None), None)
