"""One text of an instance on its way to tensors: tokens, columns of ids, padded stacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from models.indexers import Columns, Indexer


class IndexedText(NamedTuple):
    """One tokenized text. `tokens` say what was read where; `columns` holds ids per indexer name."""

    tokens: Any
    columns: Mapping[str, Columns]
    length: int
    """Positions of the longest indexer."""
    words: int
    """Vectors that it is embedded as: fewer than positions where several make one word."""
    vectors: int
    """The same, padded to the archive's minimum."""
    cut: bool
    """Whether an indexer left tokens out."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the tokens: whoever encodes elsewhere needs their ids."""
        return IndexedText, ((), self.columns, self.length, self.words, self.vectors, self.cut)


class TextIndexer:
    """All indexers of a reader, side by side."""

    def __init__(self, indexers: Mapping[str, Indexer]) -> None:
        self.indexers = indexers
        self.min_length = max(indexer.min_length for indexer in indexers.values())
        self._padding = IndexedText(
            [], {name: indexer.empty() for name, indexer in indexers.items()}, 0, 0, 0, cut=False
        )

    def index(self, tokens: Any) -> IndexedText:
        """Raises InvalidInstance for tokens that the model could not take."""
        columns: dict[str, Columns] = {}
        lengths, vectors, cut = [self.min_length], [], False
        for name, indexer in self.indexers.items():
            columns[name] = column = indexer.index(tokens)
            lengths.append(indexer.length(column))
            vectors.append(indexer.vectors(column))
            cut = cut or column.get("cut", False)
        words = max(vectors)
        return IndexedText(tokens, columns, max(lengths), words, max(words, self.min_length), cut)

    def width(self, name: str, texts: Sequence[IndexedText]) -> int:
        """How many vectors one indexer gives for the longest of `texts`, padded to its own minimum."""
        indexer = self.indexers[name]
        return max([indexer.min_length, *[indexer.vectors(text.columns[name]) for text in texts]])

    def stack(self, texts: Sequence[IndexedText]) -> dict[str, dict[str, Tensor]]:
        """Padded tensors (texts, width, ...), by indexer and tensor name; each indexer has its own width."""
        stacked = {}
        for name, indexer in self.indexers.items():
            columns = [text.columns[name] for text in texts]
            width = max(self.min_length, *map(indexer.length, columns))
            stacked[name] = indexer.stack(columns, width)
        return stacked

    def stack_lists(self, lists: Sequence[Sequence[IndexedText]]) -> dict[str, dict[str, Tensor]]:
        """Padded tensors (instances, texts, width, ...): short lists are filled up with empty texts."""
        texts = max(map(len, lists))
        filled = [text for one in lists for text in (*one, *[self._padding] * (texts - len(one)))]
        # (instances * texts, width, ...) -> (instances, texts, width, ...)
        return {
            name: {key: tensor.unflatten(0, (len(lists), texts)) for key, tensor in tensors.items()}
            for name, tensors in self.stack(filled).items()
        }
