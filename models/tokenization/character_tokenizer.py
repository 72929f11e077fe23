"""AllenNLP's character tokenizer (allennlp/data/tokenizers/character_tokenizer.py, the same in 0.9 and 2.x)."""

from __future__ import annotations

from .token import Token


def byte_ids(text: str, encoding: str) -> list[int]:
    """One id for each byte of a text: the byte + 1, 0 being padding. They bypass the vocabulary."""
    return [byte + 1 for byte in text.encode(encoding)]


class CharacterTokenizer:
    """One token for each character; with `byte_encoding`, for each byte, its text being the byte's id in decimal.

    Raises ValueError for an encoding that is unknown or not made character by character (those with a byte-order
    mark), and for a character that the encoding does not have.
    """

    def __init__(self, byte_encoding: str | None = None, lowercase_characters: bool = False) -> None:
        self._byte_encoding = byte_encoding
        self._lowercase_characters = lowercase_characters
        if byte_encoding is not None:
            _check(byte_encoding)

    def __call__(self, text: str) -> list[Token]:
        characters = [(character, offset) for offset, character in enumerate(text)]
        if self._lowercase_characters:
            # As a whole: what a capital sigma becomes depends on where it stands.
            offsets = [offset for character, offset in characters for _ in character.lower()]
            characters = list(zip(text.lower(), offsets, strict=True))
        if self._byte_encoding is None:
            return [Token(character, offset, offset + 1) for character, offset in characters]
        return [
            Token(str(byte), offset, offset + 1)
            for character, offset in characters
            for byte in byte_ids(character, self._byte_encoding)
        ]


def _check(encoding: str) -> None:
    try:
        separate = "a".encode(encoding) + "b".encode(encoding)
        together = "ab".encode(encoding)
    except LookupError:
        raise ValueError(f"unknown byte_encoding {encoding!r}; utf-8 is the usual one") from None
    if separate != together:
        raise ValueError(f"byte_encoding {encoding!r} puts a mark before the text; name one that does not, as utf-8")
