"""The word, char and transformers features of biome.text 1.0 - 3.3 as AllenNLP's indexers and token embedders.

`indexer` and `embedder` of a feature give further options; the feature's own win.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.allennlp_compat import Params, TextFieldEmbedder, Vocabulary
from models.component_configuration import Seq2VecEncoderConfiguration, registered_name
from models.indexers import Indexer
from models.pipeline_config import PipelineConfiguration
from models.reader_config import build_indexers

Config = dict[str, Any]


def build_feature_indexers(config: PipelineConfiguration, vocabulary: Vocabulary) -> dict[str, Indexer]:
    """The indexer of each feature, by the feature's name."""
    configs = {name: indexer_config(name, options, config) for name, options in config.features.items()}
    return build_indexers({"token_indexers": configs}, vocabulary, {}, legacy=False)


def build_embedder(config: PipelineConfiguration, vocabulary: Vocabulary) -> TextFieldEmbedder:
    """Concatenates the vectors of the features in the order of their names."""
    embedders = {name: _embedder(name, options, config) for name, options in config.features.items()}
    return TextFieldEmbedder.from_params(Params({"token_embedders": embedders}), vocab=vocabulary)


def indexer_config(name: str, options: Config, config: PipelineConfiguration) -> Config:
    """The feature as AllenNLP's configuration of a token indexer."""
    more: Config = options.get("indexer") or {}
    match name:
        case "word":
            own = {"type": "single_id", "lowercase_tokens": options.get("lowercase_tokens", False)}
        case "char":
            lowercase = {"lowercase_characters": options.get("lowercase_characters", False)}
            own = {"type": "characters", "character_tokenizer": lowercase}
            if config.version.pads_characters:
                own["min_padding_length"] = _least_characters(options["encoder"])
        case _:
            own = _transformer(options, config)
    return {**more, **own, "namespace": name}


def _embedder(name: str, options: Config, config: PipelineConfiguration) -> Config:
    more: Config = options.get("embedder") or {}
    match name:
        case "word":
            own: Config = {"trainable": options.get("trainable", True), **_embedding(name, options)}
        case "char":
            encoder = Seq2VecEncoderConfiguration(**options["encoder"]).input_dim(options["embedding_dim"]).config
            own = {
                "type": "character_encoding",
                "embedding": _embedding(name, options),
                "encoder": {**encoder, "type": registered_name(Seq2VecEncoderConfiguration.component, encoder["type"])},
                "dropout": options.get("dropout", 0.0),
            }
        case _:
            own = _transformer(options, config)
            own["train_parameters"] = options.get("trainable", False)
            own["last_layer_only"] = options.get("last_layer_only", True)
    return {**more, **own}


def _embedding(name: str, options: Mapping[str, Any]) -> Config:
    return {"embedding_dim": options["embedding_dim"], "vocab_namespace": name}


def _transformer(options: Mapping[str, Any], config: PipelineConfiguration) -> Config:
    """Word pieces are the tokens themselves, or parts of the tokens of another tokenizer."""
    kind = "pretrained_transformer" if config.tokenizer.use_transformers else "pretrained_transformer_mismatched"
    return {"type": kind, "model_name": options["model_name"], "max_length": options.get("max_length")}


def _least_characters(encoder: Mapping[str, Any]) -> int:
    """What biome.text 2.2 and later pad a word to at least, so that its encoder takes it."""
    match registered_name(Seq2VecEncoderConfiguration.component, encoder["type"]):
        case "cnn":
            return max(encoder.get("ngram_filter_sizes") or DEFAULT_WINDOWS)
        case "gru" | "lstm":
            return 1
    return 0


DEFAULT_WINDOWS = (2, 3, 4, 5)
"""The windows of AllenNLP's CNN where none are configured."""
