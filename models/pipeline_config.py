"""The `model.config` section of a biome.text 1.0 - 3.3 archive, typed.

Archives of `Pipeline.train` write null as the string "None"; both mean null here, except among labels.
Raises ValueError, saying what is known, for anything that could change an answer and is not implemented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.biome_versions import BiomeVersion, version_of
from models.text_cleaning import check_rules

Config = dict[str, Any]


@dataclass(frozen=True)
class TokenizerConfiguration:
    """How a text becomes tokens. Lengths are in characters; None is no limit."""

    max_length: int | None = None
    """`truncate_input` or `max_sequence_length`; the version says what it cuts."""
    text_cleaning: tuple[str, ...] = ()
    segment_sentences: bool = False
    min_sentence_length: int | None = None
    """A sentence must be longer than this, and shorter than `max_sentence_length`."""
    max_sentence_length: int | None = None
    max_nr_of_sentences: int | None = None
    truncate_sentence: int | None = None
    remove_space_tokens: bool = True
    start_tokens: tuple[str, ...] = ()
    end_tokens: tuple[str, ...] = ()
    use_transformers: bool | None = None
    transformers_kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PipelineConfiguration:
    """A pipeline: how a text is tokenized, which features its tokens have, what reads them."""

    name: str
    version: BiomeVersion
    tokenizer: TokenizerConfiguration
    features: Mapping[str, Config]
    """`word`, `char` and `transformers`, where there are any, with their options."""
    head_type: str
    """The name of the head's class."""
    head: Config
    """The head's options under the names that its class here has."""
    encoder: Config | None


def pipeline_configuration(config: Mapping[str, Any]) -> PipelineConfiguration:
    """Raises ValueError for what is unknown."""
    labels = _section(config, "head").get("labels")
    plain: Config = _plain(dict(config))
    _check_options("a pipeline", plain, "encoder", "features", "head", "name", "tokenizer")
    tokenizer, head = _section(plain, "tokenizer"), _section(plain, "head")
    version = version_of(tokenizer, head)
    head_type = str(head.pop("type", "")).rpartition(".")[2]
    head = {version.renamed.get(name, name): value for name, value in head.items() if value is not None}
    features = _features(_section(plain, "features"))
    return PipelineConfiguration(
        name=str(plain.get("name")),
        version=version,
        tokenizer=_tokenizer(tokenizer, features, head_type),
        features=features,
        head_type=head_type,
        head={**head, "labels": labels},
        encoder=_section(plain, "encoder") or None,
    )


WEIGHT_SOURCES = ("pretrained_file", "weights_file")
"""Files that weights were once taken from: an archive holds the weights, and no other file is opened."""


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items() if key not in WEIGHT_SOURCES}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return None if node == "None" else node


def _section(config: Mapping[str, Any], name: str) -> Config:
    section = config.get(name)
    if section is None or section == "None":
        return {}
    if not isinstance(section, dict):
        raise ValueError(f"{name} must be an object, not {section!r}")
    return dict(section)


def _check_options(name: str, options: Mapping[str, Any], *known: str) -> None:
    if unknown := sorted(set(options) - set(known)):
        raise ValueError(f"{name} has the option {', '.join(unknown)}, which is not implemented; it has: {known}")


FEATURES = {
    "word": ("embedding_dim", "lowercase_tokens", "trainable", "indexer", "embedder"),
    "char": ("embedding_dim", "lowercase_characters", "encoder", "dropout", "indexer", "embedder"),
    "transformers": ("model_name", "trainable", "max_length", "last_layer_only"),
}
DEFAULT_FEATURES: Mapping[str, Config] = {"word": {"embedding_dim": 50}}


def _features(section: Config) -> Mapping[str, Config]:
    _check_options("features", section, *FEATURES)
    features = {name: _section(section, name) for name in FEATURES if section.get(name)}
    for name, options in features.items():
        _check_options(f"the {name} feature", options, *FEATURES[name])
        for number in ("embedding_dim", "max_length"):
            _number(f"features.{name}", options, number)
    return features or DEFAULT_FEATURES


WHOLE_WORDS_ONLY = ("RelationClassification",)
"""Heads that need the tokens of a text, not its word pieces."""

TOKENIZER_OPTIONS = (
    "end_tokens",
    "lang",
    "max_nr_of_sentences",
    "max_sentence_length",
    "max_sequence_length",
    "min_sentence_length",
    "remove_space_tokens",
    "segment_sentences",
    "spacy_model",
    "start_tokens",
    "text_cleaning",
    "transformers_kwargs",
    "truncate_input",
    "truncate_sentence",
    "use_spacy_tokens",
    "use_transformers",
)


def _tokenizer(section: Config, features: Mapping[str, Config], head_type: str) -> TokenizerConfiguration:
    _check_options("tokenizer", section, *TOKENIZER_OPTIONS)
    _check_language(section.get("spacy_model") or section.get("lang") or "en")
    use_transformers = section.get("use_transformers")
    if use_transformers is None:
        use_transformers = list(features) == ["transformers"] and head_type not in WHOLE_WORDS_ONLY
    if use_transformers:
        _check_word_pieces(features, head_type)
    max_length = _number("tokenizer", section, "truncate_input")
    return TokenizerConfiguration(
        max_length=_number("tokenizer", section, "max_sequence_length") if max_length is None else max_length,
        text_cleaning=_rules(_section(section, "text_cleaning")),
        segment_sentences=bool(section.get("segment_sentences")),
        min_sentence_length=_number("tokenizer", section, "min_sentence_length"),
        max_sentence_length=_number("tokenizer", section, "max_sentence_length"),
        max_nr_of_sentences=_number("tokenizer", section, "max_nr_of_sentences"),
        truncate_sentence=_number("tokenizer", section, "truncate_sentence"),
        remove_space_tokens=section.get("remove_space_tokens") is not False,
        start_tokens=_words(section, "start_tokens"),
        end_tokens=_words(section, "end_tokens"),
        use_transformers=use_transformers,
        transformers_kwargs=_section(section, "transformers_kwargs")
        or {"model_name": features.get("transformers", {}).get("model_name")},
    )


def _rules(cleaning: Config) -> tuple[str, ...]:
    if cleaning.pop("type", "default") != "default":
        raise ValueError("text_cleaning of another type than 'default' is not implemented")
    _check_options("text_cleaning", cleaning, "rules")
    return check_rules(cleaning.get("rules") or ())


def _check_language(name: str) -> None:
    if name.removeprefix("blank:").split("_")[0] != "en":
        known = "en and the models of English (en_core_web_sm, ...)"
        raise ValueError(f"the tokenizer of {name!r} is not implemented; these are: {known}")


def _check_word_pieces(features: Mapping[str, Config], head_type: str) -> None:
    if list(features) != ["transformers"]:
        raise ValueError("use_transformers goes with the transformers feature alone")
    if head_type in WHOLE_WORDS_ONLY:
        raise ValueError(f"use_transformers does not go with {head_type}, which reads whole words")


def _number(path: str, section: Config, name: str) -> int | None:
    value = section.get(name)
    if value is not None and type(value) is not int:
        raise ValueError(f"{path}.{name} must be a whole number, not {value!r}")
    return value


def _words(section: Config, name: str) -> tuple[str, ...]:
    words: Sequence[Any] = section.get(name) or ()
    if isinstance(words, str) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"tokenizer.{name} must be a list of words, not {words!r}")
    return tuple(words)
