"""Tokens -> ids, as AllenNLP's token indexers, without their Field and Instance objects.

An indexer turns the tokens of one text into named columns (lists of ids) and stacks the columns of many texts into
padded tensors. Those of word pieces are in models/word_piece_indexers.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.allennlp_compat import Vocabulary
from models.remembered import Remembered
from models.tokenization import Token

Columns = Mapping[str, Any]
"""Tensor name -> one entry per position: an id, a spelled word, or a list (offsets)."""


def pad(rows: Sequence[Sequence[int]], width: int, value: int = 0) -> Tensor:
    """(rows, width), filled up with `value`."""
    padded = numpy.full((len(rows), width), value, dtype=numpy.int64)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return torch.from_numpy(padded)


def pad_nested(rows: Sequence[Sequence[Sequence[int]]], width: int, depth: int) -> Tensor:
    """(rows, width, depth), filled up with zeros."""
    padded = numpy.zeros((len(rows), width, depth), dtype=numpy.int64)
    for index, row in enumerate(rows):
        for position, entry in enumerate(row):
            padded[index, position, : len(entry)] = entry
    return torch.from_numpy(padded)


def mask_of(lengths: Sequence[int], width: int, dtype: type = bool) -> Tensor:
    """(rows, width), True or 1 within each row's length."""
    # (1, width) < (rows, 1) -> (rows, width)
    within = numpy.arange(width)[None, :] < numpy.array(lengths)[:, None]
    return torch.from_numpy(within.astype(dtype, copy=False))


ID = numpy.dtype(numpy.int32)
"""Of a character in a spelled word."""


def _pad_spelled(rows: Sequence[Sequence[bytes]], width: int, depth: int) -> Tensor:
    """Rows of spelled words -> (rows, width, depth), filled up with zeros."""
    size = depth * ID.itemsize
    padding = b"\0" * size
    words = [word.ljust(size, b"\0") for row in rows for word in (*row, *[padding] * (width - len(row)))]
    padded: NDArray[numpy.int32] = numpy.ndarray((len(rows), width, depth), ID, b"".join(words))
    return torch.from_numpy(padded.astype(numpy.int64))


def letters_of(word: bytes) -> list[int]:
    """The ids of a spelled word."""
    letters: list[int] = numpy.frombuffer(word, ID).tolist()
    return letters


class Indexer(ABC):
    """One entry of a reader's `token_indexers`."""

    min_length = 0
    """`token_min_padding_length`: a text is padded to this many positions at least."""
    embedded_as: str

    @abstractmethod
    def index(self, tokens: Any) -> Columns:
        """Tokens of one text -> columns. Raises InvalidInstance for a text that the model could not take."""

    @abstractmethod
    def length(self, columns: Columns) -> int:
        """How many positions the columns take."""

    def vectors(self, columns: Columns) -> int:
        """How many vectors they are embedded as."""
        return self.length(columns)

    @abstractmethod
    def stack(self, texts: Sequence[Columns], width: int) -> dict[str, Tensor]:
        """Columns of many texts -> padded tensors (texts, width, ...). `width` is that of the longest, at least."""

    def empty(self) -> Columns:
        """The columns of a text that stands for padding in a list of texts."""
        return self.index([])

    def words(self) -> Sequence[str]:
        """Whole words that it knows, in the order of its vocabulary: the more frequent first."""
        return ()


class SingleId(Indexer):
    """`single_id`: one id per token."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        namespace: str = "tokens",
        lowercase_tokens: bool = False,
        start_tokens: Sequence[str] | None = None,
        end_tokens: Sequence[str] | None = None,
        token_min_padding_length: int = 0,
    ) -> None:
        self._ids = vocabulary.get_token_to_index_vocabulary(namespace)
        self._unknown = self._ids.get(vocabulary._oov_token, 1)
        self._special = {vocabulary._padding_token, vocabulary._oov_token}
        self._lowercase = lowercase_tokens
        self._start = self._look_up(start_tokens or [])
        self._end = self._look_up(end_tokens or [])
        self.min_length = token_min_padding_length

    def _look_up(self, words: Sequence[str]) -> list[int]:
        ids, unknown = self._ids, self._unknown
        if self._lowercase:
            return [ids.get(word.lower(), unknown) for word in words]
        return [ids.get(word, unknown) for word in words]

    def index(self, tokens: Sequence[Token]) -> Columns:
        return {"tokens": self._start + self._ids_of([token.text for token in tokens]) + self._end}

    def _ids_of(self, words: Sequence[str]) -> list[int]:
        return self._look_up(words)

    def length(self, columns: Columns) -> int:
        return len(columns["tokens"])

    def stack(self, texts: Sequence[Columns], width: int) -> dict[str, Tensor]:
        return {"tokens": pad([text["tokens"] for text in texts], width)}

    def empty(self) -> Columns:
        return {"tokens": []}

    def words(self) -> Sequence[str]:
        return [word for word in self._ids if word not in self._special]


class ByteId(SingleId):
    """`single_id` behind a tokenizer of bytes, whose tokens are ids already."""

    def _ids_of(self, words: Sequence[str]) -> list[int]:
        return [int(word) if word.isdecimal() else self._look_up([word])[0] for word in words]

    def words(self) -> Sequence[str]:
        return ()


class Characters(Indexer):
    """`characters`: the ids of each token's characters, or of its UTF-8 bytes. Remembers the latest words."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        namespace: str = "token_characters",
        character_tokenizer: Mapping[str, Any] | None = None,
        start_tokens: Sequence[str] | None = None,
        end_tokens: Sequence[str] | None = None,
        min_padding_length: int = 0,
        token_min_padding_length: int = 0,
    ) -> None:
        self._ids = vocabulary.get_token_to_index_vocabulary(namespace)
        self._unknown = self._ids.get(vocabulary._oov_token, 1)
        self._configure(**{key: value for key, value in (character_tokenizer or {}).items() if key != "type"})
        self._remembered = Remembered(self._spell)
        self._start = [self._spell(word) for word in start_tokens or []]
        self._end = [self._spell(word) for word in end_tokens or []]
        self.min_characters = min_padding_length
        self.min_length = token_min_padding_length

    def _configure(
        self,
        byte_encoding: str | None = None,
        lowercase_characters: bool = False,
        start_tokens: Sequence[Any] | None = None,
        end_tokens: Sequence[Any] | None = None,
    ) -> None:
        self._byte_encoding = byte_encoding
        self._lowercase = lowercase_characters
        self._before = self._edge(start_tokens or [])
        self._after = self._edge(end_tokens or [])

    def _edge(self, tokens: Sequence[Any]) -> list[int]:
        return [token if isinstance(token, int) else self._ids.get(token, self._unknown) for token in tokens]

    def _spell(self, word: str) -> bytes:
        """An id for each character, one behind the other: they are sooner padded, and sent, than a list is."""
        return numpy.array([*self._before, *self._letters(word), *self._after], dtype=ID).tobytes()

    def _letters(self, word: str) -> Iterator[int]:
        if self._lowercase:
            word = word.lower()
        if self._byte_encoding:
            # 0 is padding, so a byte's id is one more than the byte.
            return (byte + 1 for byte in word.encode(self._byte_encoding))
        ids, unknown = self._ids, self._unknown
        return (ids.get(character, unknown) for character in word)

    def index(self, tokens: Sequence[Token]) -> Columns:
        spell = self._remembered
        return {"token_characters": [*self._start, *[spell(token.text) for token in tokens], *self._end]}

    def length(self, columns: Columns) -> int:
        return len(columns["token_characters"])

    def has_word_of(self, characters: int, columns: Columns) -> bool:
        """Whether the longest word, padded, has so many characters at least."""
        if self.min_characters >= characters:
            return True
        return any(len(spelled) >= characters * ID.itemsize for spelled in columns["token_characters"])

    def longest_word(self, columns: Columns) -> int:
        return max(self.min_characters, max(map(len, columns["token_characters"]), default=0) // ID.itemsize)

    def stack(self, texts: Sequence[Columns], width: int) -> dict[str, Tensor]:
        depth = max(1, *map(self.longest_word, texts))
        return {"token_characters": _pad_spelled([text["token_characters"] for text in texts], width, depth)}

    def empty(self) -> Columns:
        return {"token_characters": []}
