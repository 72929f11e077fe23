"""biome.text's InputFeaturizer: an input of any shape -> the tokens of its fields, or a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.biome_tokenizer import Clipper, Tokenizer
from models.errors import InvalidInstance
from models.readers import Tokens
from models.text_input import TextIndexer


class InputFeaturizer:
    """Tokenizes a text, a list of texts or an object of them; `indexer` turns the tokens into ids.

    `refuses_empty` is how biome.text 2.1 and later treat what holds no text. Earlier ones turn the values of objects
    into strings, and keep fields without tokens.
    """

    def __init__(self, tokenizer: Tokenizer, indexer: TextIndexer, *, refuses_empty: bool) -> None:
        self.tokenizer = tokenizer
        self.indexer = indexer
        self._refuses_empty = refuses_empty

    def __call__(
        self, record: Any, name: str, clip: Clipper, *, aggregate: bool = False, exclude_record_keys: bool = False
    ) -> list[Tokens]:
        """The tokens of each field; of all of them as one, if `aggregate`.

        `name` is what the input is called. Raises InvalidInstance for what the original refused.
        """
        try:
            self._check(record, name)
            fields = self._fields(record, exclude_record_keys, clip)
        except RecursionError as error:
            raise InvalidInstance(f"{name!r} is nested too deeply; send one level of fields.", name) from error
        if self._refuses_empty and not (fields and all(fields)):
            raise InvalidInstance(f"{name!r} holds a text without words; send text in every field.", name)
        if aggregate:
            return [_joined(fields)]
        if not fields:
            raise InvalidInstance(f"{name!r} holds no text; send a text, a list or an object of them.", name)
        return fields

    def _fields(self, record: Any, exclude_record_keys: bool, clip: Clipper) -> list[Tokens]:
        if isinstance(record, Mapping):
            return self.tokenizer.tokenize_record(record, exclude_record_keys, clip)
        if isinstance(record, str):
            return self.tokenizer.tokenize_text(record, clip)
        return self.tokenizer.tokenize_document(record, clip)

    def _check(self, record: Any, name: str) -> None:
        if not isinstance(record, str | list | Mapping):
            raise InvalidInstance(f"{name!r} must be a text, a list of texts or an object of them.", name)
        if isinstance(record, list) and not all(isinstance(text, str) for text in record):
            raise InvalidInstance(f"{name!r} must list texts only.", name)
        self._check_texts(record, name)

    def _check_texts(self, node: Any, name: str) -> None:
        """Texts are Unicode; from 2.1 on, there are only texts at the leaves, and none of them is empty."""
        if isinstance(node, str):
            _check_unicode(node, name)
        elif isinstance(node, Mapping):
            for key, child in node.items():
                _check_unicode(key, name)
                self._check_texts(child, name)
        elif isinstance(node, list):
            for child in node:
                self._check_texts(child, name)
        elif self._refuses_empty:
            raise InvalidInstance(f"{name!r} holds {node!r}, which is not a text.", name)
        if self._refuses_empty and not node:
            raise InvalidInstance(f"{name!r} holds an empty text; leave it out or fill it in.", name)


def _check_unicode(text: str, name: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInstance(f"{name!r} holds half of a surrogate pair, which is no character.", name) from error


def _joined(fields: list[Tokens]) -> Tokens:
    joined: Any = fields[0] if fields else []
    for tokens in fields[1:]:
        joined = joined + tokens
    whole: Tokens = joined
    return whole
