"""Word pieces by a Hugging Face tokenizer from the hub directory, as AllenNLP's PretrainedTransformerTokenizer.

The Rust tokenizer is called directly: it holds no truncation setting, so that one instance serves any thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transformers import PreTrainedTokenizerBase

from models import hub
from models.vocabulary import whole_words


@dataclass(frozen=True, slots=True)
class WordPieces:
    """One text in word pieces, special tokens included.

    Each list has one entry per piece; `starts` and `ends` are character offsets, -1 for special tokens. `cut` says
    that the text went on.
    """

    texts: list[str]
    ids: list[int]
    type_ids: list[int]
    starts: list[int]
    ends: list[int]
    cut: bool = False

    def slice(self, start: int, end: int) -> WordPieces:
        return WordPieces(
            self.texts[start:end],
            self.ids[start:end],
            self.type_ids[start:end],
            self.starts[start:end],
            self.ends[start:end],
        )

    def __add__(self, other: WordPieces) -> WordPieces:
        return WordPieces(
            self.texts + other.texts,
            self.ids + other.ids,
            self.type_ids + other.type_ids,
            self.starts + other.starts,
            self.ends + other.ends,
        )

    def __len__(self) -> int:
        return len(self.ids)


def joined(parts: Sequence[WordPieces]) -> WordPieces:
    """One after the other, in time that grows with their length only."""
    return WordPieces(
        [text for part in parts for text in part.texts],
        [number for part in parts for number in part.ids],
        [number for part in parts for number in part.type_ids],
        [number for part in parts for number in part.starts],
        [number for part in parts for number in part.ends],
    )


LONG_TEXT = 5_000


def encoding_of(rust: Any, text: str, pair: str | None = None) -> Any:
    """A tokenizers.Encoding. Only as a batch does a text let other threads run meanwhile, which costs a little more."""
    if len(text) + len(pair or "") < LONG_TEXT:
        return rust.encode(text, pair)
    return rust.encode_batch([text if pair is None else (text, pair)])[0]


class TransformerTokenizer:
    """text -> word pieces with the special tokens of a single sequence around them."""

    def __init__(
        self,
        model_name: str,
        max_length: int | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        add_special_tokens: bool = True,
    ) -> None:
        """Raises models.hub.NotInHub, and ValueError for a tokenizer that has no fast (Rust) version."""
        tokenizer: PreTrainedTokenizerBase = hub.tokenizer(model_name, **{"use_fast": True, **(options or {})})
        if not tokenizer.is_fast:
            raise ValueError(f"the tokenizer of {model_name!r} has no fast version; put its tokenizer.json in the hub")
        self._max_length = max_length
        self._add_special_tokens = add_special_tokens
        self.padding_id: int = tokenizer.pad_token_id or 0
        self._truncates_left = tokenizer.truncation_side == "left"
        self._rust = tokenizer._tokenizer
        self._rust.no_truncation()
        self._rust.no_padding()
        special = self._rust.encode("a").special_tokens_mask
        self.start_length = special.index(0)
        self.end_length = special[::-1].index(0)

    @property
    def added_length(self) -> int:
        return self.start_length + self.end_length

    def words(self) -> list[str]:
        """The pieces that are whole words, by id."""
        return whole_words(self._rust.get_vocab())

    def split(self, text: str) -> tuple[WordPieces, WordPieces, WordPieces]:
        """The start tokens, the pieces of the text, and the end tokens."""
        encoding = encoding_of(self._rust, text)
        special = encoding.special_tokens_mask
        starts = [-1 if fixed else start for fixed, (start, _) in zip(special, encoding.offsets, strict=True)]
        ends = [-1 if fixed else end for fixed, (_, end) in zip(special, encoding.offsets, strict=True)]
        pieces = WordPieces(encoding.tokens, encoding.ids, encoding.type_ids, starts, ends)
        inner_end = len(special) - self.end_length
        return (
            pieces.slice(0, self.start_length),
            pieces.slice(self.start_length, inner_end),
            pieces.slice(inner_end, len(special)),
        )

    def tokenize_text(self, text: str) -> WordPieces:
        """All pieces, cut to `max_length`. Special tokens are kept, and count unless they are not asked for."""
        start, pieces, end = self.split(text)
        cut = False
        if self._max_length is not None:
            room = self._max_length - (self.added_length if self._add_special_tokens else 0)
            cut = len(pieces.ids) > room
            first = len(pieces.ids) - room if cut and self._truncates_left else 0
            pieces = pieces.slice(first, first + room) if cut else pieces
        whole = start + pieces + end if self._add_special_tokens else pieces
        return replace(whole, cut=cut)

    def tokenize_words(self, words: Sequence[str]) -> tuple[WordPieces, list[tuple[int, int]]]:
        """The pieces of words tokenized one by one; the first and last piece of each, (-1, -1) where it has none."""
        encodings = self._rust.encode_batch(list(words), add_special_tokens=False)
        start, one, end = self.split("a")
        type_id = one.type_ids[0]
        parts, offsets, first = [start], [], len(start)
        for encoding in encodings:
            ids = encoding.ids
            count = len(ids)
            offsets.append((first, first + count - 1) if count else (-1, -1))
            nowhere = [-1] * count
            parts.append(WordPieces(encoding.tokens, ids, [type_id] * count, nowhere, nowhere))
            first += count
        return joined([*parts, end]), offsets

    def fold(self, pieces: WordPieces, max_length: int) -> WordPieces:
        """Cuts a long sequence into segments of `max_length`, each with its own special tokens, strung together."""
        start = pieces.slice(0, self.start_length)
        inner = pieces.slice(self.start_length, len(pieces.ids) - self.end_length)
        end = pieces.slice(len(pieces.ids) - self.end_length, len(pieces.ids))
        size = max_length - self.added_length
        firsts = range(0, len(inner.ids), size)
        return joined([part for first in firsts for part in (start, inner.slice(first, first + size), end)])
