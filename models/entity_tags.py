"""Entities of a text, given by character offsets, as one tag for each token.

The tags are those of spaCy's `biluo_tags_from_offsets`, in the schemes BIOUL and BIO.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from models.allennlp_compat import Vocabulary
from models.errors import InvalidInstance
from models.indexers import Columns, SingleId
from models.tokenization import Token

OUTSIDE = "O"
UNALIGNED = "-"
SCHEMES = ("BIOUL", "BIO")


class Entity(NamedTuple):
    """`label` on the characters from `start` to before `end`."""

    start: int
    end: int
    label: str


class TaggedToken(NamedTuple):
    """A Token with its entity tag."""

    text: str
    start: int
    end: int
    tag: str

    @classmethod
    def of(cls, token: Token, tag: str) -> TaggedToken:
        return cls(token.text, token.start, token.end, tag)


def tags_of(text: str, tokens: Sequence[Token], entities: Sequence[Entity], scheme: str) -> list[str]:
    """One tag for each token. Raises InvalidInstance for entities that overlap, or begin or end inside a token."""
    _check_overlaps([entity for entity in entities if entity.label])
    starts = {token.start: index for index, token in enumerate(tokens)}
    ends = {token.end: index for index, token in enumerate(tokens)}
    in_order = [token.start for token in tokens]
    tags = [UNALIGNED] * len(tokens)
    covered = bytearray(len(text))
    for start, end, label in entities:
        inside = range(max(start, 0), min(end, len(text)))
        covered[inside.start : inside.stop] = b"\1" * len(inside)
        first, last = starts.get(start), ends.get(end)
        if not label:
            first, last = bisect_left(in_order, start), bisect_left(in_order, end) - 1
        if first is not None and last is not None and first <= last:
            tags[first : last + 1] = _span_tags(label, last - first + 1)
    for index, token in enumerate(tokens):
        if not any(covered[token.start : token.end]):
            tags[index] = OUTSIDE
    if UNALIGNED in tags:
        unaligned = tokens[tags.index(UNALIGNED)].text
        raise InvalidInstance(f"an entity begins or ends inside the token {unaligned!r}.", "entities")
    if scheme == "BIO":
        tags = [tag.replace("L-", "I-", 1).replace("U-", "B-", 1) for tag in tags]
    return tags


def _span_tags(label: str, length: int) -> list[str]:
    if not label:
        return [OUTSIDE] * length
    if length == 1:
        return [f"U-{label}"]
    return [f"B-{label}", *[f"I-{label}"] * (length - 2), f"L-{label}"]


def _check_overlaps(entities: Sequence[Entity]) -> None:
    ordered = sorted(entity for entity in entities if entity.start < entity.end)
    for one, other in pairwise(ordered):
        if other.start < one.end:
            spans = f"{one.start}-{one.end} and {other.start}-{other.end}"
            raise InvalidInstance(f"the entities {spans} overlap; a token can be part of one only.", "entities")


class EntityTags(SingleId):
    """The ids of the tags of TaggedTokens; `embeddings` is how many there are rows for."""

    def __init__(self, vocabulary: Vocabulary, namespace: str, embeddings: int) -> None:
        super().__init__(vocabulary, namespace)
        self._embeddings = embeddings

    def index(self, tokens: Sequence[TaggedToken]) -> Columns:  # type: ignore[override]  # no other tokens have tags
        ids = self._look_up([token.tag for token in tokens])
        if max(ids, default=0) >= self._embeddings:
            raise InvalidInstance("an entity has a label that the archive has no embedding for.", "entities")
        return {"tokens": ids}
