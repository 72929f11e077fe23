"""An instance read once more, for what explanations need: where the characters of each text come from.

`trace` follows each reader's own steps on Traced strings and gives texts in the order in which the reader does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

from models.biome_tokenizer import Clipper, Tokenizer, TransformersTokenizer
from models.classifier import Instance
from models.head_reader import HeadReader
from models.provenance import Traced, joined, traced_value, traced_values
from models.readers import BiomeReader, Reader, TextClassificationJsonReader
from models.text_cleaning import clean
from models.tokenization import rule_based_sentences


@dataclass(frozen=True)
class Segment:
    """A string that was tokenized, and how many tokens it gave."""

    text: Traced
    tokens: int


@dataclass
class Trace:
    """By input of the reader: the segments of each text, and what the caller calls the input.

    `sources` holds the caller's values by field.
    """

    texts: dict[str, list[list[Segment]]] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, called: str, value: Any, texts: list[list[Segment]]) -> None:
        self.texts[name] = texts
        self.fields[name] = called
        self.sources |= dict(_leaves(value, called))


@singledispatch
def trace(reader: Reader, instance: Instance) -> Trace:
    """Takes an instance that the reader has read."""
    raise TypeError(f"{type(reader).__name__} cannot say where its texts come from")


@trace.register
def _(reader: TextClassificationJsonReader, instance: Instance) -> Trace:
    sentence = reader._named(instance)["sentence"]
    text = Traced.of(sentence, "sentence")
    found = Trace()
    found.add("tokens", "sentence", sentence, [[Segment(text, len(reader._tokenize(sentence)))]])
    return found


@trace.register
def _(reader: BiomeReader, instance: Instance) -> Trace:
    given = reader._named(instance)
    called = [name for name in given if name != "label"]
    named = reader._without_aliases(given)
    found = Trace()
    for name in reader._names:
        # An alias is at the same place as what it stands for.
        field_name = name if name in given else called[reader._names.index(name)]
        segments = [[Segment(text, count)] for text in _biome_texts(reader, named[name], field_name)
                    if (count := len(reader._tokenize(text.text)))]  # fmt: skip
        found.add(name, field_name, named[name], segments if reader.lists else segments[:1])
    return found


def _biome_texts(reader: BiomeReader, value: Any, name: str) -> list[Traced]:
    values = traced_values(value, name)
    if reader.lists and not reader._segment:
        texts = [text for each in values if (text := each.through(reader._transform)).text.strip()]
    else:
        whole = joined(values).through(reader._transform)
        texts = [whole]
        if reader._segment:
            sentences = rule_based_sentences(whole.text)[: reader._max_sentences]
            texts = [whole.slice(sentence.start, sentence.end) for sentence in sentences]
    return [text.slice(0, reader._max_length) for text in texts]


@trace.register
def _(reader: HeadReader, instance: Instance) -> Trace:
    given = reader._named(instance)
    named = reader._without_aliases(given)
    names = reader._head.inputs()
    tokenizer = reader._head.backbone.featurizer.tokenizer
    found = Trace()
    if reader.kind == "record":
        # The record's fields are the inputs; together they are what the classifier calls the record.
        prefix = "record." if "record" in given and "record" not in names else ""
        record = {key: named[key] for key in names}
        texts = [text for key in names for text in _fields(tokenizer, {key: record[key]}, prefix, keys=True)]
        found.add("record", "record", None, texts)
        for key in names:
            found.sources |= dict(_leaves(record[key], f"{prefix}{key}"))
        return found
    called = list(given)
    for index, name in enumerate(name for name in names if name != "entities"):
        field_name = name if name in given else called[index]
        one_text = reader.kind == "text" or "entities" in names
        texts = _fields(tokenizer, named[name], field_name, keys=not one_text)
        if one_text:
            texts = [[segment for text in texts for segment in text]]
        found.add(name, field_name, named[name], texts)
    return found


def _fields(tokenizer: Tokenizer, value: Any, name: str, *, keys: bool) -> list[list[Segment]]:
    """The segments of each field of an input; the key of a field stands before its text."""
    if not isinstance(value, Mapping):
        values = [value] if isinstance(value, str) else value
        named = [name] if isinstance(value, str) else [f"{name}.{index}" for index in range(len(values))]
        document = [Traced.of(text, called) for text, called in zip(values, named, strict=True)]
        return [[_segment(tokenizer, text)] for text in _document(tokenizer, document)]
    fields = []
    for key, child in value.items():
        path = f"{name}{key}" if not name or name.endswith(".") else f"{name}.{key}"
        key_segment = [_segment(tokenizer, _cut(tokenizer, Traced(key, [None] * len(key))))] if keys else []
        texts = _document(tokenizer, [traced_value(child, path)])
        fields += [[*key_segment, _segment(tokenizer, text)] for text in texts]
    return fields


def _document(tokenizer: Tokenizer, document: list[Traced]) -> list[Traced]:
    """As Tokenizer.tokenize_document, up to the tokens."""
    config, version = tokenizer.config, tokenizer._version
    if isinstance(tokenizer, TransformersTokenizer) and not version.cleans_before_word_pieces:
        return [_cut(tokenizer, text) for text in document]
    texts = [text.through(lambda plain: clean(plain, config.text_cleaning)) for text in document]
    if version.truncates_input:
        texts = [text.slice(0, config.max_length) for text in texts]
    if tokenizer._sentencizer is not None:
        texts = [sentence for text in texts for sentence in _sentences(tokenizer, text)]
    return [_cut(tokenizer, text) for text in texts[: config.max_nr_of_sentences]]


def _sentences(tokenizer: Tokenizer, text: Traced) -> Iterator[Traced]:
    assert tokenizer._sentencizer is not None
    shorter, longer = tokenizer.config.min_sentence_length, tokenizer.config.max_sentence_length
    for sentence in tokenizer._sentencizer(text.text):
        length = len(sentence.text)
        if (shorter is None or shorter < length) and (longer is None or length < longer):
            yield text.slice(sentence.start, sentence.end).slice(0, tokenizer.config.truncate_sentence)


def _cut(tokenizer: Tokenizer, text: Traced) -> Traced:
    return text if tokenizer._version.truncates_input else text.slice(0, tokenizer.config.max_length)


def _segment(tokenizer: Tokenizer, text: Traced) -> Segment:
    return Segment(text, len(tokenizer.tokenize(text.text, Clipper())))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Each value of an input as a string, by its field."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping | list):
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, child in pairs:
            yield from _leaves(child, f"{name}.{key}")
    else:
        yield name, str(value)
