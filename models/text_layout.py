"""Which token stands at which position of a text's embeddings."""

from __future__ import annotations

from typing import Any, NamedTuple

from models.indexers import Characters, SingleId
from models.text_input import IndexedText, TextIndexer
from models.tokenization.token import NO_TEXT
from models.transformer_tokenizer import WordPieces
from models.word_piece_indexers import BertPieces


class Placed(NamedTuple):
    """A position: what is read there, the number of its token, and the characters of the text that was tokenized.

    All but the text are None for what an indexer or tokenizer added.
    """

    text: str
    token: int | None = None
    start: int | None = None
    end: int | None = None


def layout(indexer: TextIndexer, text: IndexedText) -> list[Placed]:
    """The positions of a text; padding has none."""
    name, first = next(iter(indexer.indexers.items()))
    if isinstance(text.tokens, WordPieces):
        return _pieces(text.tokens)
    if isinstance(first, BertPieces):
        return _bert_pieces(first, text, text.columns[name]["texts"])
    words = [_placed(token.text, number, token.start, token.end) for number, token in enumerate(text.tokens)]
    if isinstance(first, SingleId | Characters):
        # Indexers that add tokens add as many, else their vectors could not be put side by side.
        return [*_added(first._start), *words, *_added(first._end)]
    return words


def _placed(text: str, number: int, start: int, end: int) -> Placed:
    return Placed(text) if start == NO_TEXT else Placed(text, number, start, end)


def _added(ids: list[Any]) -> list[Placed]:
    return [Placed("") for _ in ids]


def _pieces(pieces: WordPieces) -> list[Placed]:
    rows = zip(pieces.texts, pieces.starts, pieces.ends, strict=True)
    return [_placed(text, number, start, end) for number, (text, start, end) in enumerate(rows)]


def _bert_pieces(indexer: BertPieces, text: IndexedText, pieces: list[str]) -> list[Placed]:
    """Each piece with its part of its token; with all of the token where the parts do not add up to it."""
    placed = [Placed(pieces[0])]
    for number, token in enumerate(text.tokens):
        split = indexer._word_piece.tokenize(indexer._cased(token.text))
        if len(placed) + len(split) + 1 > len(pieces):
            break
        lengths = [len(piece.removeprefix("##")) for piece in split]
        exact = sum(lengths) == token.end - token.start
        start = token.start
        for piece, length in zip(split, lengths, strict=True):
            end = start + length
            placed.append(_placed(piece, number, *((start, end) if exact else (token.start, token.end))))
            start = end
    return [*placed, Placed(pieces[-1])]
