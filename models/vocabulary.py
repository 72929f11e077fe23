"""Vocabulary files -> AllenNLP's Vocabulary, to the letter.

A file holds one token a line, and tokens may hold Unicode line separators and carriage returns. AllenNLP 0.9 splits at
line feeds only; 1.0 and later take a carriage return before one for a part of the line's end, so that the token of a
carriage return is lost there. A padded namespace starts at index 1 (0 is padding).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.allennlp_compat import Vocabulary

NON_PADDED = "non_padded_namespaces.txt"
NEWLINE = "@@NEWLINE@@"


def vocabulary_from_files(
    files: Mapping[str, str], params: Mapping[str, Any] | None = None, *, legacy: bool = False
) -> Vocabulary:
    """`files` maps file names to their texts; `params` is the `vocabulary` section of the configuration.

    `legacy` reads them as AllenNLP 0.9 did.
    Only the padding and unknown tokens are taken from `params`: the files say the rest.
    """
    params = params or {}
    patterns = [line for line in files.get(NON_PADDED, "").split("\n") if line]
    vocabulary = Vocabulary(
        non_padded_namespaces=patterns,
        padding_token=params.get("padding_token"),
        oov_token=params.get("oov_token"),
    )
    for file_name, text in files.items():
        if file_name != NON_PADDED:
            namespace = file_name.removesuffix(".txt")
            padded = not any(matches_namespace(pattern, namespace) for pattern in patterns)
            _fill(vocabulary, namespace, tokens_of(text, legacy=legacy), padded=padded)
    return vocabulary


def tokens_of(text: str, *, legacy: bool = False) -> list[str]:
    """The tokens of one vocabulary file, in index order."""
    lines = (text if legacy else text.replace("\r\n", "\n")).split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return [line.replace(NEWLINE, "\n") for line in lines]


def matches_namespace(pattern: str, namespace: str) -> bool:
    return namespace.endswith(pattern[1:]) if pattern.startswith("*") else namespace == pattern


def _fill(vocabulary: Vocabulary, namespace: str, tokens: Sequence[str], *, padded: bool) -> None:
    first = 1 if padded else 0
    indices = {0: vocabulary._padding_token} if padded else {}
    indices.update(enumerate(tokens, start=first))
    vocabulary._index_to_token[namespace] = indices
    vocabulary._token_to_index[namespace] = {token: index for index, token in indices.items()}


def whole_words(pieces: Mapping[str, int]) -> list[str]:
    """The word pieces that are words by themselves, in the order of their ids.

    A mark says which begin a word (byte-level BPE, SentencePiece) or which go on with one (WordPiece). Single letters
    are left out: every vocabulary has them, before all words.
    """
    ordered = sorted(pieces, key=pieces.__getitem__)
    for mark in WORD_STARTS:
        if any(piece.startswith(mark) and len(piece) > 1 for piece in ordered):
            ordered = [piece.removeprefix(mark) for piece in ordered if piece.startswith(mark)]
            break
    return [piece for piece in ordered if piece.isalpha() and (len(piece) > 1 or not piece.isascii())]


WORD_STARTS = ("\u0120", "\u2581")
