"""The tokenizers of biome.text 1.0 - 3.3: inputs of any shape -> lists of tokens.

Offsets of a token are in the string that was tokenized: a text (or a sentence of it, or a key of a record) as cleaned
and cut by the configuration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from models.biome_versions import BiomeVersion
from models.pipeline_config import TokenizerConfiguration
from models.readers import Tokens
from models.remembered import Remembered
from models.text_cleaning import clean
from models.tokenization import Sentencizer, Token, spacy_tokenizer
from models.tokenization.token import added
from models.transformer_tokenizer import TransformerTokenizer

Clippable = TypeVar("Clippable", str, list[str])

MOST_TEXTS = 4_096
"""That are remembered: records have the same few keys, and many values in common."""


class Clipper:
    """Cuts texts, and lists of texts, to a length, and remembers whether it ever had to."""

    def __init__(self) -> None:
        self.clipped = False

    def __call__(self, whole: Clippable, length: int | None) -> Clippable:
        part = whole[:length]
        self.clipped |= len(part) < len(whole)
        return part


class Tokenizer(ABC):
    """Cleans, cuts, segments and tokenizes as configured. Safe from any thread, each call with a clipper of its own."""

    def __init__(self, config: TokenizerConfiguration, version: BiomeVersion) -> None:
        self.config = config
        self._version = version
        self._sentencizer = Sentencizer(version.spacy) if config.segment_sentences else None
        self._remembered = Remembered(self._split, MOST_TEXTS)

    @abstractmethod
    def _split(self, text: str) -> Tokens:
        """The tokens of a string, whatever it holds."""

    def tokenize_text(self, text: str, clip: Clipper) -> list[Tokens]:
        """The tokens of each sentence; of the whole text where it is not segmented."""
        return self.tokenize_document([text], clip)

    def tokenize_document(self, document: Iterable[str], clip: Clipper) -> list[Tokens]:
        """The tokens of each text, or of each sentence of each text."""
        texts = [clean(text, self.config.text_cleaning) for text in document]
        if self._version.truncates_input:
            texts = [clip(text, self.config.max_length) for text in texts]
        if self._sentencizer is not None:
            texts = [sentence for text in texts for sentence in self._sentences(self._sentencizer, text, clip)]
        return [self.tokenize(text, clip) for text in clip(texts, self.config.max_nr_of_sentences)]

    def tokenize_record(self, record: Mapping[str, Any], exclude_record_keys: bool, clip: Clipper) -> list[Tokens]:
        """The tokens of each sentence of each value, behind those of its key."""
        fields: list[Tokens] = []
        for key, value in record.items():
            sentences = self.tokenize_text(value_as_string(value), clip)
            if not exclude_record_keys:
                key_tokens: Any = self.tokenize(key, clip)
                sentences = [key_tokens + sentence for sentence in sentences]
            fields += sentences
        return fields

    def tokenize(self, text: str, clip: Clipper) -> Tokens:
        """The tokens of one sentence."""
        whole = text if self._version.truncates_input else clip(text, self.config.max_length)
        return self._remembered(whole)

    def _sentences(self, sentencizer: Sentencizer, text: str, clip: Clipper) -> Iterator[str]:
        shorter, longer = self.config.min_sentence_length, self.config.max_sentence_length
        for sentence in sentencizer(text):
            length = len(sentence.text)
            if (shorter is None or shorter < length) and (longer is None or length < longer):
                yield clip(sentence.text, self.config.truncate_sentence)


class SpacyWordTokenizer(Tokenizer):
    """Words and punctuation by the rules of the version's spaCy (biome.text's `Tokenizer`)."""

    def __init__(self, config: TokenizerConfiguration, version: BiomeVersion) -> None:
        super().__init__(config, version)
        self._words = spacy_tokenizer(version.spacy)
        self._start = added(config.start_tokens)
        self._end = added(config.end_tokens)

    def _split(self, text: str) -> list[Token]:
        words = self._words(text) if self.config.remove_space_tokens else self._words.with_whitespace(text)
        return [*self._start, *words, *self._end]

    def words(self, text: str) -> list[Token]:
        """Every token of a text as it was sent, whitespace included."""
        return self._words.with_whitespace(text)


class TransformersTokenizer(Tokenizer):
    """Word pieces by a Hugging Face tokenizer, with special tokens around every string.

    Raises models.hub.NotInHub for a tokenizer that is not in the hub directory.
    """

    def __init__(self, config: TokenizerConfiguration, version: BiomeVersion) -> None:
        super().__init__(config, version)
        options = dict(config.transformers_kwargs)
        options["options"] = options.pop("tokenizer_kwargs", None)
        options.pop("verification_tokens", None)
        self._pieces = TransformerTokenizer(**options)

    def tokenize_document(self, document: Iterable[str], clip: Clipper) -> list[Tokens]:
        if self._version.cleans_before_word_pieces:
            return super().tokenize_document(document, clip)
        return [self.tokenize(text, clip) for text in document]

    def _split(self, text: str) -> Tokens:
        return self._pieces.tokenize_text(text)


def value_as_string(value: Any) -> str:
    """A value of a record as one string; those of an object or list joined by spaces."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return value_as_string(value.values())
    if isinstance(value, Iterable):
        return " ".join(map(value_as_string, value))
    return str(value)


def build_tokenizer(config: TokenizerConfiguration, version: BiomeVersion) -> Tokenizer:
    return TransformersTokenizer(config, version) if config.use_transformers else SpacyWordTokenizer(config, version)
