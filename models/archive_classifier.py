"""A classifier made of an archive's reader, indexers and model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.bert_encoder import runs_packed
from models.bert_for_classification import BertForClassification
from models.classifier import Batch, Classifier, Features, Instance, LabelSet, Source, padded_tokens, weigh
from models.errors import InvalidInstance
from models.idle_dropout import with_idle_dropout
from models.indexers import Characters
from models.readers import Reader
from models.requirements import Requirements
from models.text_input import IndexedText, TextIndexer


class ArchiveClassifier(Classifier):
    """Reads and indexes with its own lean code; encodes with the model that the configuration built.

    `model.encode` takes the inputs of the reader in their order, as AllenNLP's TextFieldTensors.
    """

    def __init__(
        self,
        *,
        reader: Reader,
        indexer: TextIndexer,
        model: nn.Module,
        label_set: LabelSet,
        source: Source,
        requirements: Requirements,
        multilabel: bool = False,
    ) -> None:
        self._reader = reader
        self._indexer = indexer
        self._requirements = requirements
        self.model = with_idle_dropout(model).eval().requires_grad_(False)
        self.multilabel = multilabel
        self.kind = reader.kind
        self.inputs = reader.inputs
        self.own_methods = reader.own_methods
        self.source = source
        self.label_set = label_set
        self.parameters, self.size_bytes = weigh(model)
        self.padding_safe = requirements.padding_safe
        if isinstance(model, BertForClassification) and runs_packed(model.bert_model.config):
            self.packed, self.reducible = True, model.bert_model.encoder

    def featurize(self, instance: Instance) -> Features:
        reading = self._reader.read(instance)
        inputs: dict[str, list[IndexedText]] = {}
        shape = []
        truncated = list(reading.truncated)
        for name, texts in reading.inputs.items():
            inputs[name] = [self._indexer.index(tokens) for tokens in texts]
            longest = max([text.length for text in inputs[name]])
            self._check(name, inputs[name])
            if name not in truncated and any(text.cut for text in inputs[name]):
                truncated.append(name)
            shape.append((len(texts), longest))
        return Features(inputs, tuple(shape), tuple(truncated), tuple(reading.warnings))

    def _check(self, name: str, texts: Sequence[IndexedText]) -> None:
        """Refuses what the original could not have encoded alone."""
        needs = self._requirements
        words = max([text.words for text in texts])
        if words < needs.words or max([text.vectors for text in texts]) < needs.positions:
            least = max(needs.words, needs.positions)
            raise InvalidInstance(f"{name!r} has {words} tokens; this classifier needs at least {least}.", name)
        if len({self._indexer.width(key, texts) for key in needs.side_by_side}) > 1:
            reason = f"{name!r} has {words} tokens, and the indexers of this classifier pad them to different lengths."
            raise InvalidInstance(reason, name)
        if len(texts) < needs.texts:
            reason = f"{name!r} has {len(texts)} fields with words; this classifier needs at least {needs.texts}."
            raise InvalidInstance(reason, name)
        for key, characters in needs.characters.items():
            indexer = self._indexer.indexers[key]
            assert isinstance(indexer, Characters)
            if not any(indexer.has_word_of(characters, text.columns[key]) for text in texts):
                reason = f"{name!r} has no word of {characters} characters or more, which this classifier needs."
                raise InvalidInstance(reason, name)

    def collate(self, features: Sequence[Features]) -> Batch:
        tensors = {name: self._stack([one.inputs[name] for one in features]) for name in features[0].inputs}
        real = sum(text.length for one in features for texts in one.inputs.values() for text in texts)
        padded = padded_tokens([one.shape for one in features])
        return Batch(tensors, size=len(features), real_tokens=real, padded_tokens=padded)

    def _stack(self, texts: Sequence[Sequence[IndexedText]]) -> dict[str, dict[str, Tensor]]:
        if self._reader.lists:
            return self._indexer.stack_lists(texts)
        return self._indexer.stack([one[0] for one in texts])

    def encode(self, batch: Batch) -> Tensor:
        encode: Any = self.model.encode
        vectors: Tensor = encode(*batch.tensors.values())
        return vectors

    def pool(self, batch: Batch) -> Tensor:
        """What `encode` has before its last layers: (batch, pooled dim). Of models that tell the two apart."""
        pool: Any = self.model.pool
        pooled: Tensor = pool(*batch.tensors.values())
        return pooled

    def finish(self, pooled: Tensor) -> Tensor:
        """(batch, pooled dim) -> what `encode` gives."""
        finish: Any = self.model.finish
        vectors: Tensor = finish(pooled)
        return vectors

    def words(self) -> Sequence[str]:
        return max((indexer.words() for indexer in self._indexer.indexers.values()), key=len)

    def to(self, device: torch.device) -> None:
        self.model.to(device)
        self.label_set.head.to(device)
