"""The `dataset_reader` section of an archive -> its reader and indexers.

Raises ValueError, listing what is known, for anything that could change an answer and is not implemented.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from models import hub
from models.allennlp_compat import Vocabulary
from models.indexers import ByteId, Characters, Indexer, SingleId
from models.readers import (
    BiomeReader,
    Reader,
    TextClassificationJsonReader,
    Tokenize,
)
from models.text_cleaning import HTML_TO_TEXT, RM_SPACES
from models.tokenization import tokenizer
from models.transformer_tokenizer import TransformerTokenizer
from models.word_piece_indexers import BertPieces, MismatchedPieces, TransformerPieces

ONE_INPUT = ("sequence_classifier", "bert_for_classification")
TWO_INPUTS = ("sequence_pair_classifier", "similarity_classifier", "biome_bimpm", "multifield_bimpm")
TEXT_CLASSIFICATION = "text_classification_json"

READING_ONLY = (
    "cache_directory",
    "label_key",
    "lazy",
    "manual_distributed_sharding",
    "manual_multi_process_sharding",
    "manual_multiprocess_sharding",
    "max_instances",
    "serialization_dir",
    "skip_empty_tokens",
    "skip_label_indexing",
    "text_key",
    "token_indexers",
    "tokenizer",
    "type",
)
"""Options that say how files are read, not what becomes of a text; and the two built apart."""


def build_reader(config: Mapping[str, Any], *, legacy: bool) -> Reader:
    kind = config.get("type")
    options = {key: value for key, value in config.items() if key not in READING_ONLY and value is not None}
    tokenize = _tokenize(config.get("tokenizer"), legacy=legacy)
    if kind == TEXT_CLASSIFICATION:
        if options.pop("segment_sentences", False):
            raise ValueError("segment_sentences gives a list of sentences, which this model does not take")
        _check_options(kind, options, "max_sequence_length")
        return TextClassificationJsonReader(tokenize, **options)
    if kind in ONE_INPUT or kind in TWO_INPUTS:
        names = ("tokens",) if kind in ONE_INPUT else ("record1", "record2")
        return BiomeReader(names, tokenize, **_biome_options(kind, options))
    known = ", ".join((TEXT_CLASSIFICATION, *ONE_INPUT, *TWO_INPUTS))
    raise ValueError(f"dataset_reader {kind!r} is not implemented; these are: {known}")


def _biome_options(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    _check_options(
        kind,
        options,
        "as_text_field",
        "max_nr_of_sentences",
        "max_sequence_length",
        "segment_sentences",
        "text_transforms",
    )
    if "segment_sentences" in options:
        options["segment_sentences"] = _segments_by_rule(options["segment_sentences"])
    options["text_transforms"] = _text_transforms(options.get("text_transforms", "rm_spaces"))
    return options


def _text_transforms(config: Any) -> Sequence[str]:
    """The names of the rules to apply, in their order."""
    given = {"type": config} if isinstance(config, str) else config
    kind = given.get("type", "rm_spaces")
    available = {"rm_spaces": RM_SPACES, "html_to_text": HTML_TO_TEXT}
    if kind not in available:
        raise ValueError(f"text_transforms {kind!r} is not implemented; these are: {', '.join(available)}")
    rules: Sequence[str] = given.get("rules") or available[kind]
    _check_options("text_transforms", dict.fromkeys(rules), *available[kind])
    return rules


def _segments_by_rule(config: Any) -> bool:
    if not config:
        return False
    if isinstance(config, dict) and config.get("rule_based"):
        return True
    raise ValueError("segment_sentences needs a trained spaCy parser; only the rule-based splitter is implemented")


def _tokenize(config: Any, *, legacy: bool) -> Tokenize:
    if (
        isinstance(config, dict) and config.get("type") == "pretrained_transformer"
    ) or config == "pretrained_transformer":
        if legacy:
            raise ValueError("pretrained_transformer of AllenNLP 0.x is not implemented; AllenNLP 1.0 on is")
        return _transformer(config).tokenize_text
    return tokenizer(config, "0.9" if legacy else "2.x")


def _transformer(config: Mapping[str, Any]) -> TransformerTokenizer:
    options = {key: value for key, value in config.items() if key not in {"type", "verification_tokens"}}
    _check_options(
        "pretrained_transformer", options, "add_special_tokens", "max_length", "model_name", "tokenizer_kwargs"
    )
    return TransformerTokenizer(
        options["model_name"],
        max_length=options.get("max_length"),
        options=options.get("tokenizer_kwargs"),
        add_special_tokens=options.get("add_special_tokens", True),
    )


def build_indexers(
    reader: Mapping[str, Any], vocabulary: Vocabulary, model: Mapping[str, Any], *, legacy: bool
) -> dict[str, Indexer]:
    """The reader's `token_indexers` by name; AllenNLP's default is one `single_id` indexer named `tokens`."""
    configs = reader.get("token_indexers") or {"tokens": {"type": "single_id"}}
    tokenizer_config = reader.get("tokenizer")
    bytewise = isinstance(tokenizer_config, dict) and bool(tokenizer_config.get("byte_encoding"))
    return {
        name: _indexer(config, vocabulary, model, legacy=legacy, bytewise=bytewise) for name, config in configs.items()
    }


def _indexer(config: Any, vocabulary: Vocabulary, model: Mapping[str, Any], *, legacy: bool, bytewise: bool) -> Indexer:
    given = {"type": config} if isinstance(config, str) else config
    options: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    kind = options.pop("type", "single_id")
    match kind:
        case "single_id":
            if not legacy and options.get("feature_name", "text") == "text":
                # The default is for tokens without the feature, and every token has a text.
                options = {key: value for key, value in options.items() if key not in {"feature_name", "default_value"}}
            _check_options(kind, options, "end_tokens", "lowercase_tokens", "namespace", "start_tokens", MIN_LENGTH)
            return (ByteId if bytewise else SingleId)(vocabulary, **options)
        case "characters":
            known = ("character_tokenizer", "end_tokens", "min_padding_length", "namespace", "start_tokens", MIN_LENGTH)
            _check_options(kind, options, *known)
            return Characters(vocabulary, **options)
        case "bert-pretrained" if legacy:
            return _bert_pieces(options, model)
        case "pretrained_transformer" | "pretrained_transformer_mismatched" if not legacy:
            return _transformer_pieces(kind, options)
    known_kinds = ["single_id", "characters", *(["bert-pretrained"] if legacy else TRANSFORMER_INDEXERS)]
    raise ValueError(f"token indexer {kind!r} is not implemented; these are: {', '.join(known_kinds)}")


MIN_LENGTH = "token_min_padding_length"
TRANSFORMER_INDEXERS = {
    "pretrained_transformer": TransformerPieces,
    "pretrained_transformer_mismatched": MismatchedPieces,
}


def _bert_pieces(options: dict[str, Any], model: Mapping[str, Any]) -> BertPieces:
    known = ("do_lowercase", "max_pieces", "never_lowercase", "pretrained_model", "truncate_long_sequences")
    _check_options("bert-pretrained", options, *known, "use_starting_offsets", MIN_LENGTH)
    options.pop("use_starting_offsets", None)
    if not options.pop("truncate_long_sequences", True):
        raise ValueError("truncate_long_sequences: false makes windows that BertForClassification does not take")
    text = hub.file(options.pop("pretrained_model"), "vocab.txt").read_text(encoding="utf-8")
    pieces = {line.strip(): index for index, line in enumerate(text.removesuffix("\n").split("\n"))}
    bert = json.loads(hub.config_file(model["bert_model"]).read_text(encoding="utf-8"))
    return BertPieces(
        pieces,
        type_vocabulary=bert.get("type_vocab_size", 2),
        positions=bert.get("max_position_embeddings", 512),
        **options,
    )


def _transformer_pieces(kind: str, options: dict[str, Any]) -> TransformerPieces:
    _check_options(kind, options, "max_length", "model_name", "namespace", "tokenizer_kwargs", MIN_LENGTH)
    name = options["model_name"]
    tokenizer = TransformerTokenizer(name, options=options.get("tokenizer_kwargs"))
    return TRANSFORMER_INDEXERS[kind](tokenizer, options.get("max_length"), hub.positions(name))


def _check_options(name: str, options: Mapping[str, Any], *known: str) -> None:
    unknown: Sequence[str] = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(
            f"{name} has the option {', '.join(unknown)}, which is not implemented; it has: {', '.join(known)}"
        )
