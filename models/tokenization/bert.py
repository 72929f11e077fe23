"""BERT's own two steps: basic tokens, and their word pieces.

Source: BasicTokenizer and WordpieceTokenizer of pytorch_pretrained_bert 0.6.2 (after Google's), which AllenNLP 0.9
uses; Devlin et al. 2018, https://arxiv.org/abs/1810.04805.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from itertools import groupby

from .chunks import ChunkTokenizer, Pieces
from .token import Token

NEVER_SPLIT = ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")

UNKNOWN = "[UNK]"
_LONGEST_WORD = 100
_IDEOGRAPHS = (
    r"\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f"
    r"\U0002b820-\U0002ceaf\uf900-\ufaff\U0002f800-\U0002fa1f"
)
_IDEOGRAPH = re.compile(f"[{_IDEOGRAPHS}]")

# Python's white space that BERT takes for control characters and leaves out, and a control character for it.
_LEFT_OUT = re.compile(r"[\x0b\x0c\x1c-\x1f\x85]")

# What no step of normalization touches, but for the case of ASCII letters: it keeps its place and number.
_PLAIN = re.compile(r"[!-~\u4e00-\u9fff，。！？、：；（）]*")  # noqa: RUF001  (look-alikes of Chinese texts)
_PLAIN_PIECE = re.compile(r"[A-Za-z0-9]+|.")

_Character = tuple[str, int]
"""A character of the result and the offset of the one that it comes from."""


class BertBasicTokenizer(ChunkTokenizer):
    """Words split at punctuation and ideographs; control characters are left out.

    With `do_lower_case` also lower-cased and without accents. A word of `never_split` that stands alone stays as it
    is. Which characters are unassigned, and so left out, is up to the Unicode version of the Python that runs this.
    """

    def __init__(self, do_lower_case: bool = True, never_split: Collection[str] = NEVER_SPLIT) -> None:
        super().__init__()
        self._do_lower_case = do_lower_case
        self._never_split = frozenset(never_split)

    def __call__(self, text: str) -> list[Token]:
        return super().__call__(_LEFT_OUT.sub("\0", text))

    def _split(self, chunk: str) -> Pieces:
        lower = chunk.lower() if self._do_lower_case else chunk
        if _PLAIN.fullmatch(chunk) and not any(word in chunk or word in lower for word in self._never_split):
            return tuple(Token(match.group(), *match.span()) for match in _PLAIN_PIECE.finditer(lower))
        kept = [(character, offset) for offset, character in enumerate(chunk) if not _is_dropped(character)]
        return tuple(token for part in _apart_from_ideographs(kept) for token in self._split_part(part))

    def _split_part(self, part: list[_Character]) -> Iterator[Token]:
        if _text(part) in self._never_split:
            yield _token(part)
            return
        if self._do_lower_case:
            part = _without_accents(_lower(part))
        if _text(part) in self._never_split:
            yield _token(part)
            return
        for is_punctuation, run in groupby(part, key=lambda character: _is_punctuation(character[0])):
            if is_punctuation:
                yield from (_token([character]) for character in run)
            else:
                yield _token(list(run))


def _text(characters: list[_Character]) -> str:
    return "".join(character for character, _ in characters)


def _token(characters: list[_Character]) -> Token:
    return Token(_text(characters), characters[0][1], characters[-1][1] + 1)


def _is_dropped(character: str) -> bool:
    # U+FFFD stands for what could not be decoded. Category C: control, format, surrogate, private and unassigned.
    return character == "\ufffd" or unicodedata.category(character).startswith("C")


def _is_punctuation(character: str) -> bool:
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")


def _apart_from_ideographs(characters: list[_Character]) -> Iterator[list[_Character]]:
    for is_ideograph, run in groupby(characters, key=lambda character: bool(_IDEOGRAPH.match(character[0]))):
        if is_ideograph:
            yield from ([character] for character in run)
        else:
            yield list(run)


def _lower(characters: list[_Character]) -> list[_Character]:
    # As a whole: what a capital sigma becomes depends on where it stands. The offsets are found one by one.
    offsets = [offset for character, offset in characters for _ in character.lower()]
    return list(zip(_text(characters).lower(), offsets, strict=True))


def _without_accents(characters: list[_Character]) -> list[_Character]:
    # Decomposition also sorts marks; those that survive (category Mc) hardly ever move, and only their offsets would.
    offsets = [offset for character, offset in characters for _ in unicodedata.normalize("NFD", character)]
    decomposed = zip(unicodedata.normalize("NFD", _text(characters)), offsets, strict=True)
    return [(character, offset) for character, offset in decomposed if unicodedata.category(character) != "Mn"]


_UNCASED = BertBasicTokenizer(do_lower_case=True)
_CASED = BertBasicTokenizer(do_lower_case=False)


def bert_basic(text: str, do_lower_case: bool = True) -> list[Token]:
    """BERT's basic tokens; `text` of a token is normalized, its offsets are those of the source."""
    return _UNCASED(text) if do_lower_case else _CASED(text)


class WordPiece:
    """Splits a token into the longest pieces of a vocabulary, from the left; later pieces begin with `##`.

    A token of more than 100 characters, or one that cannot be split without a rest, is one `[UNK]`.
    """

    def __init__(self, vocab: Mapping[str, int]) -> None:
        self._vocab = vocab
        self._longest_piece = max(map(len, vocab), default=0)

    def tokenize(self, token: str) -> list[str]:
        """The pieces of a token; white space inside it separates, as in the original."""
        return [piece for word in token.split() for piece in self._pieces(word)]

    def _pieces(self, word: str) -> list[str]:
        if len(word) > _LONGEST_WORD:
            return [UNKNOWN]
        pieces = []
        start = 0
        while start < len(word):
            piece = self._longest(word, start)
            if piece is None:
                return [UNKNOWN]
            pieces.append(piece)
            start += len(piece) - (len("##") if start else 0)
        return pieces

    def _longest(self, word: str, start: int) -> str | None:
        mark = "##" if start else ""
        for end in range(min(len(word), start + self._longest_piece), start, -1):
            piece = mark + word[start:end]
            if piece in self._vocab:
                return piece
        return None
