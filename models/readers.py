"""Dataset readers: what an instance is called, and how it becomes texts.

A reader knows the names and shapes of the inputs its original takes and refuses what the original refused. It is
made from the `dataset_reader` section of an archive.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.classifier import InputSchema, Instance
from models.errors import InvalidInstance
from models.text_cleaning import RM_SPACES, RULES
from models.tokenization import Token, rule_based_sentences
from models.transformer_tokenizer import WordPieces

Tokens = list[Token] | WordPieces
Tokenize = Callable[[str], Tokens]


def token_texts(tokens: Tokens) -> list[str]:
    return tokens.texts if isinstance(tokens, WordPieces) else [token.text for token in tokens]


@dataclass
class Reading:
    """What a reader made of an instance: the tokens of each text of each input."""

    inputs: dict[str, list[Tokens]]
    truncated: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Reader(ABC):
    kind: str
    inputs: InputSchema
    lists: bool
    """True where each input is a list of texts, which the model sees as one more tensor dimension."""
    own_methods: Sequence[str] = ("allennlp", "allennlp_simple")
    """The methods by which the library of the archive explains it."""

    @abstractmethod
    def read(self, instance: Instance) -> Reading:
        """Raises InvalidInstance."""

    def _named(self, instance: Instance) -> Mapping[str, Any]:
        """The instance as named inputs: a plain string stands for the only text input."""
        if isinstance(instance, str):
            if self.inputs.text_input is None:
                raise InvalidInstance(f"a plain string was sent; send an object with {_listed(self.inputs.names)}.")
            return {self.inputs.text_input: instance}
        if not isinstance(instance, Mapping):
            raise InvalidInstance(f"an instance is an object with {_listed(self.inputs.names)}.")
        return instance


def _listed(names: Iterable[str]) -> str:
    return " and ".join(repr(name) for name in names)


class TextClassificationJsonReader(Reader):
    """AllenNLP's `text_classification_json` behind its `text_classifier` predictor: one text, `sentence`.

    As there, other keys are ignored and the text is cut to `max_sequence_length` tokens.
    """

    lists = False

    def __init__(self, tokenize: Tokenize, max_sequence_length: int | None = None) -> None:
        self._tokenize = tokenize
        self._max_length = max_sequence_length
        self.kind = "text"
        example = {"sentence": "A table for two on Friday, please."}
        schema = {
            "type": "object",
            "properties": {"sentence": {"type": "string"}},
            "required": ["sentence"],
        }
        self.inputs = InputSchema(("sentence",), schema, example, text_input="sentence")

    def read(self, instance: Instance) -> Reading:
        named = self._named(instance)
        text = named.get("sentence")
        if "sentence" not in named:
            raise InvalidInstance("'sentence' is missing; send {'sentence': text}.", "sentence")
        if not isinstance(text, str):
            raise InvalidInstance(f"'sentence' must be a string, not {_json_type(text)}.", "sentence")
        tokens = self._tokenize(text)
        cut = isinstance(tokens, WordPieces) and tokens.cut
        if self._max_length is not None and len(tokens) > self._max_length:
            tokens, cut = _first(tokens, self._max_length), True
        warnings = [f"{key!r} was ignored; this classifier takes 'sentence'" for key in named if key != "sentence"]
        return Reading({"tokens": [tokens]}, ["sentence"] if cut else [], warnings)


def _first(tokens: Tokens, length: int) -> Tokens:
    return tokens.slice(0, length) if isinstance(tokens, WordPieces) else tokens[:length]


def _json_type(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object")


class BiomeReader(Reader):
    """The readers of biome.text 0.3: `sequence_classifier` (one input) and `sequence_pair_classifier` (two).

    A value may be a string, an object (its values, in the order sent) or a list. Joined into one text
    (`as_text_field`), kept as a list of texts, or cut into sentences (`segment_sentences`).
    """

    def __init__(
        self,
        names: tuple[str, ...],
        tokenize: Tokenize,
        *,
        as_text_field: bool = True,
        segment_sentences: bool = False,
        max_sequence_length: int | None = None,
        max_nr_of_sentences: int | None = None,
        text_transforms: Sequence[str] = RM_SPACES,
    ) -> None:
        self._names = names
        self._tokenize = tokenize
        self._max_length = max_sequence_length
        self._max_sentences = max_nr_of_sentences
        self._transforms = [RULES[rule] for rule in text_transforms]
        self._segment = segment_sentences
        self.lists = segment_sentences or not as_text_field
        record = self.lists and not segment_sentences
        pair = len(names) == 2
        self.kind = {
            (False, False): "text",
            (False, True): "record",
            (True, False): "pair",
            (True, True): "record_pair",
        }[pair, record]
        self.inputs = _biome_schema(names, record=record)

    def read(self, instance: Instance) -> Reading:
        named = self._named(instance)
        named = self._without_aliases(named)
        self._check_names(named)
        reading = Reading({})
        for name in self._names:
            texts = self._texts(named[name], name, reading)
            if not texts:
                raise InvalidInstance(f"{name!r} holds no text; send a string, an object or a list with words.", name)
            reading.inputs[name] = texts
        return reading

    def _without_aliases(self, named: Mapping[str, Any]) -> Mapping[str, Any]:
        """`text` with `text_pair` stands for a pair, `record` for the one input of a record classifier."""
        keys = set(named) - {"label"}
        if len(self._names) == 2 and keys == {"text", "text_pair"}:
            return {self._names[0]: named["text"], self._names[1]: named["text_pair"]}
        if self.kind == "record" and keys == {"record"}:
            return {self._names[0]: named["record"]}
        return named

    def _check_names(self, named: Mapping[str, Any]) -> None:
        accepted = _listed(self._names)
        unknown = sorted(set(named) - set(self._names) - {"label"})
        missing = [name for name in self._names if name not in named]
        if unknown:
            raise InvalidInstance(f"unknown input {_listed(unknown)}; this classifier takes {accepted}.", unknown[0])
        if missing:
            raise InvalidInstance(f"{_listed(missing)} is missing; this classifier takes {accepted}.", missing[0])
        if "label" in named and not str(named["label"]).strip():
            raise InvalidInstance("'label' is empty; leave it out to predict.", "label")

    def _texts(self, value: Any, name: str, reading: Reading) -> list[Tokens]:
        values = _values(value)
        if values is None:
            raise InvalidInstance(f"{name!r} is {_json_type(value)}; send a string, an object or a list.", name)
        texts = [tokens for text in self._split(values) if (tokens := self._tokens(text, name, reading))]
        return texts if self.lists else texts[:1]

    def _split(self, values: list[str]) -> list[str]:
        if not self.lists:
            return [self._transform(" ".join(values))]
        if self._segment:
            sentences = rule_based_sentences(self._transform(" ".join(values)))
            return [sentence.text for sentence in sentences[: self._max_sentences]]
        return [text for value in values if (text := self._transform(value)).strip()]

    def _transform(self, text: str) -> str:
        for transform in self._transforms:
            text = transform(text)
        return text

    def _tokens(self, text: str, name: str, reading: Reading) -> Tokens:
        if self._max_length is not None and len(text) > self._max_length:
            text = text[: self._max_length]
            if name not in reading.truncated:
                reading.truncated.append(name)
        return self._tokenize(text)


def _values(value: Any) -> list[str] | None:
    """The strings that a value stands for; None where the original finds none in it. Raises InvalidInstance."""
    try:
        return _strings(value)
    except RecursionError as error:
        raise InvalidInstance("a value is nested too deeply; send strings, or one level of fields.") from error


def _strings(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [_stringified(child) for child in value.values()]
    if isinstance(value, Iterable):
        return [_stringified(child) for child in value]
    return None


def _stringified(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return " ".join(_stringified(child) for child in value.values())
    if isinstance(value, Iterable):
        return " ".join(_stringified(child) for child in value)
    return str(value)


def _biome_schema(names: tuple[str, ...], *, record: bool) -> InputSchema:
    text = {"type": ["string", "object", "array"]}
    examples: list[Any] = ["Blue Noodle Bar, Leeds", "The Blue Noodle Bar Ltd, Leeds"]
    if record:
        text = {"type": ["object", "array", "string"]}
        examples = [{"name": "Blue Noodle Bar", "city": "Leeds"}, {"name": "The Blue Noodle Bar", "city": "Leeds"}]
    schema = {
        "type": "object",
        "properties": dict.fromkeys(names, text),
        "required": list(names),
        "additionalProperties": False,
    }
    text_input = names[0] if len(names) == 1 else None
    return InputSchema(names, schema, dict(zip(names, examples, strict=False)), text_input)
