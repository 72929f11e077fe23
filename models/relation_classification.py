"""biome.text's RelationClassification: how are the entities of a text related?"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.allennlp_compat import BagOfEmbeddingsEncoder, Embedding, TextFieldTensors, get_text_field_mask
from models.biome_tokenizer import Clipper, SpacyWordTokenizer
from models.classification_head import ClassificationHead, LabelledReading, LabelWeights
from models.classifier import InputSchema
from models.cnn import run_seq2vec
from models.component_configuration import (
    EmbeddingConfiguration,
    FeedForwardConfiguration,
    Seq2VecEncoderConfiguration,
)
from models.entity_tags import SCHEMES, Entity, EntityTags, TaggedToken, tags_of
from models.errors import InvalidInstance
from models.head_schema import schema_of
from models.model_backbone import ModelBackbone
from models.text_input import TextIndexer

ENTITIES = "entities"
"""The vocabulary namespace of the tags, the input that they come from, and their indexer."""

ENTITY_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"start": {"type": "integer"}, "end": {"type": "integer"}, "label": {"type": "string"}},
    "required": ["start", "end", "label"],
}


class RelationClassification(ClassificationHead):
    """encoder, with embedded entity tags beside it -> pooler (the sum of the tokens) -> [feedforward] -> labels.

    Entities are spans of characters with a label; `entity_encoding` is how they become tags: BIOUL or BIO.
    """

    kind = "relation"
    lists = False

    def __init__(
        self,
        backbone: ModelBackbone,
        labels: list[str],
        entities_embedder: EmbeddingConfiguration,
        pooler: Seq2VecEncoderConfiguration | None = None,
        feedforward: FeedForwardConfiguration | None = None,
        multilabel: bool = False,
        label_weights: LabelWeights | None = None,
        entity_encoding: str = "BIOUL",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(backbone, labels, multilabel, label_weights)
        if entity_encoding not in SCHEMES:
            raise ValueError(f"entity_encoding {entity_encoding!r} is not implemented; these are: {', '.join(SCHEMES)}")
        self._scheme = entity_encoding
        self.entities_embedder: Embedding = entities_embedder.compile()
        dim = backbone.encoder.get_output_dim() + self.entities_embedder.get_output_dim()
        self.pooler = pooler.input_dim(dim).compile() if pooler else BagOfEmbeddingsEncoder(dim)
        dim = self.pooler.get_output_dim()
        self.feedforward = feedforward.input_dim(dim).compile() if feedforward else None
        self._dropout = nn.Dropout(dropout)
        self._classification_layer = nn.Linear((self.feedforward or self.pooler).get_output_dim(), self.num_labels)
        self._add_indexer()

    def _add_indexer(self) -> None:
        """Tags travel with the ids of their tokens, as one more feature of the text."""
        featurizer = self.backbone.featurizer
        tags = EntityTags(self.backbone.vocab, ENTITIES, self.entities_embedder.num_embeddings)
        featurizer.indexer = TextIndexer({**featurizer.indexer.indexers, ENTITIES: tags})

    @property
    def last_layer(self) -> nn.Linear:
        return self._classification_layer

    def inputs(self) -> list[str]:
        return ["text", ENTITIES]

    def schema(self) -> InputSchema:
        entities = [{"start": 0, "end": 5, "label": "subject"}, {"start": 15, "end": 25, "label": "object"}]
        example = {"text": "Helio acquired Blue Ocean in 2017.", ENTITIES: entities}
        return schema_of({"text": {"type": "string"}, ENTITIES: {"type": "array", "items": ENTITY_SCHEMA}}, example)

    def encoders(self) -> tuple[list[nn.Module], list[nn.Module]]:
        return [self.backbone.encoder, self.pooler], []

    def featurize(self, text: Any, entities: Any, label: str | list[str] | None = None) -> LabelledReading:
        """`entities` are objects with `start`, `end` and `label`. Raises InvalidInstance for what was refused."""
        if not isinstance(text, str):
            raise InvalidInstance("'text' must be a string: entities are spans of it.", "text")
        clip = Clipper()
        featurizer = self.backbone.featurizer
        tokens: Any = featurizer(text, "text", clip, aggregate=True, exclude_record_keys=True)[0]
        tokenizer = featurizer.tokenizer
        assert isinstance(tokenizer, SpacyWordTokenizer)
        # The original tags the text as it was sent, and fails where cleaning has changed the number of tokens.
        tags = tags_of(text, tokenizer.words(text), _entities(entities), self._scheme)
        if len(tags) != len(tokens):
            raise InvalidInstance("the text has other tokens once cleaned and cut; send it plain and short.", "text")
        tagged: Any = [TaggedToken.of(token, tag) for token, tag in zip(tokens, tags, strict=True)]
        return self.add_label(LabelledReading({"text": [tagged]}, ["text"] if clip.clipped else []), label)

    def pool(self, text: TextFieldTensors, entities: Tensor | None = None) -> Tensor:
        """(batch, tokens) ids, with their tags among them or as (batch, tokens) tag ids -> (batch, pooled dim)."""
        tags = text[ENTITIES]["tokens"] if entities is None else entities
        features = {name: tensors for name, tensors in text.items() if name != ENTITIES}
        mask = get_text_field_mask(features)
        # (batch, tokens, encoder dim + tag dim)
        tagged = torch.cat([self.backbone(features, mask), self.entities_embedder(tags)], dim=-1)
        return self._dropout(run_seq2vec(self.pooler, tagged, mask, self._token_extent(mask)))

    def finish(self, pooled: Tensor) -> Tensor:
        """(batch, pooled dim) -> (batch, dim)."""
        return self.feedforward(pooled) if self.feedforward else pooled

    def forward(
        self, text: TextFieldTensors, entities: Tensor | None = None, label: Tensor | None = None
    ) -> dict[str, Any]:
        """(batch, tokens) ids, as in `encode`, and (batch,) label indices -> what `output` gives."""
        return self.output(self._classification_layer(self.encode(text, entities)), label)


def _entities(given: Any) -> list[Entity]:
    if not isinstance(given, list):
        raise InvalidInstance("'entities' must be a list of objects with 'start', 'end' and 'label'.", ENTITIES)
    return [_entity(entity) for entity in given]


def _entity(given: Any) -> Entity:
    start, end, label = (given.get(key) if isinstance(given, Mapping) else None for key in ("start", "end", "label"))
    if type(start) is not int or type(end) is not int or not isinstance(label, str):
        raise InvalidInstance("an entity has whole numbers 'start' and 'end' and a text 'label'.", ENTITIES)
    return Entity(start, end, label)
