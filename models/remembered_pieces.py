"""Word pieces of a text from what a tokenizer made of its words before.

BERT's tokenizers cut a text at every space and look at one word at a time, so that a word has the same pieces in every
text. Asking for a text's pieces takes some 2 us a word; looking its words up takes a tenth of that.
"""

from __future__ import annotations

from itertools import chain, groupby
from typing import NamedTuple

from tokenizers import Encoding, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from models.remembered import Remembered


class Pieces(NamedTuple):
    """Of a text or a pair, special tokens included: an id and a type for each piece. `cut`: it was too long."""

    ids: list[int]
    type_ids: list[int]
    cut: bool = False


class _Part(NamedTuple):
    """A run of a frame: special tokens, or where the pieces of a text go. `text` is its number, None for the former."""

    text: int | None
    ids: list[int]
    type_ids: list[int]


class RememberedPieces:
    """Of a tokenizer that `words_stand_alone` in. Safe from any thread."""

    def __init__(self, rust: Tokenizer, limit: int) -> None:
        """`limit` is how many pieces the tokenizer will cut to: it does not yet, so that a pair is seen whole."""
        self._rust = rust
        self._limit = limit
        self._pieces_of = Remembered(self._ask)
        self._frame = _frame(rust.encode("a"))
        self._frame_of_pairs = _frame(rust.encode("a", "a"))

    def _ask(self, word: str) -> list[int]:
        ids: list[int] = self._rust.encode(word, add_special_tokens=False).ids
        return ids

    def of(self, text: str, pair: str | None = None) -> Pieces | None:
        """None for what is so long that the tokenizer may cut it."""
        texts = [self._words(text)] if pair is None else [self._words(text), self._words(pair)]
        ids: list[int] = []
        type_ids: list[int] = []
        for part in self._frame if pair is None else self._frame_of_pairs:
            own = part.ids if part.text is None else texts[part.text]
            ids += own
            type_ids += part.type_ids if part.text is None else part.type_ids * len(own)
        return Pieces(ids, type_ids) if len(ids) < self._limit else None

    def _words(self, text: str) -> list[int]:
        return list(chain.from_iterable(map(self._pieces_of, text.split(" "))))


def _frame(encoding: Encoding) -> list[_Part]:
    """What is around the pieces of each text, from texts of one piece."""
    pieces = zip(encoding.sequence_ids, encoding.ids, encoding.type_ids, strict=True)
    runs = ((text, list(run)) for text, run in groupby(pieces, key=lambda piece: piece[0]))
    return [_Part(text, [piece[1] for piece in run], [piece[2] for piece in run]) for text, run in runs]


def words_stand_alone(rust: Tokenizer) -> bool:
    """Whether the pieces of a text are those of its words: what is between two spaces."""
    normalizer = rust.normalizer
    bert = isinstance(normalizer, BertNormalizer) and isinstance(rust.pre_tokenizer, BertPreTokenizer)
    if not bert or not isinstance(rust.model, WordPiece):
        return False
    added = [token.content for token in rust.get_added_tokens_decoder().values()]
    return not any(" " in normalizer.normalize_str(content) for content in added)
