"""An archive on disk -> a classifier in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from models import hub as hub_files
from models.allennlp_compat import ConfigurationError, Model, Params, Vocabulary
from models.architectures import ALLENNLP, check_model_type, class_name, head_of, label_namespace_of
from models.archive import Archive, open_archive
from models.archive_classifier import ArchiveClassifier
from models.archive_limits import ArchiveLimits
from models.basic_classifier import EncodingBasicClassifier
from models.biome_bimpm import BiomeBiMpm
from models.biome_pipeline import build_pipeline, is_pipeline
from models.build_budget import BuildBudget, check_claims
from models.checkpoint import build_checkpoint, is_checkpoint
from models.classifier import Classifier, LabelSet, Source
from models.consistency import check_consistency
from models.errors import ArchiveError, BrokenArchive, MissingFiles, UnsupportedArchive
from models.indexers import Characters
from models.legacy_config import is_legacy, upgraded_model, upgraded_weights
from models.reader_config import build_indexers, build_reader
from models.requirements import requirements_of
from models.sequence_classifier_base import SequenceClassifierBase
from models.text_field_embedder import CharacterEncoder
from models.text_input import TextIndexer
from models.vocabulary import vocabulary_from_files
from models.weights import load_weights

TRAINING_ONLY = ("initializer",)
"""What a model configuration says about a start that the weights of the archive replace."""


def load_classifier(path: Path, *, hub: Path | None = None, limits: ArchiveLimits | None = None) -> Classifier:
    """Opens and builds what `path` holds: a `model.tar.gz` or its unpacked folder. CPU; call `to` to move it.

    Raises ArchiveError, whose message names the archive, the member and the reason.
    """
    archive = open_archive(path, limits or ArchiveLimits())
    check_claims(archive)
    with hub_files.using(hub):
        try:
            with BuildBudget(archive):
                return _build(archive)
        except ArchiveError:
            raise
        except hub_files.NotInHub as error:
            raise MissingFiles(archive.name, "config.json", str(error)) from error
        except (ConfigurationError, ValueError, TypeError, NotImplementedError, ImportError) as error:
            raise UnsupportedArchive(archive.name, "config.json", _sentence(error)) from error
        except (KeyError, IndexError, AttributeError, RuntimeError, OSError, RecursionError) as error:
            reason = f"does not describe a model that can be built ({type(error).__name__}: {_sentence(error)})"
            raise BrokenArchive(archive.name, "config.json", reason) from error


def _build(archive: Archive) -> Classifier:
    if is_checkpoint(archive.config):
        return build_checkpoint(archive)
    if is_pipeline(archive.config):
        return build_pipeline(archive)
    return build_classifier(archive)


def build_classifier(archive: Archive) -> ArchiveClassifier:
    """The classifier that an opened archive describes, with its weights."""
    legacy = is_legacy(archive.config, archive.library_version)
    model_config = _section(archive, "model")
    reader_config = _section(archive, "dataset_reader")
    vocabulary = vocabulary_from_files(archive.vocabulary, archive.config.get("vocabulary"), legacy=legacy)
    check_model_type(model_config.get("type"))
    model = _build_model(model_config, vocabulary, legacy=legacy)
    load_weights(archive.name, model, upgraded_weights(archive.weights) if legacy else archive.weights)
    indexers = build_indexers(reader_config, vocabulary, model_config, legacy=legacy)
    reader = build_reader(reader_config, legacy=legacy)
    check_consistency(model, indexers, lists=reader.lists)
    indexer = TextIndexer(indexers)
    if legacy:
        _pad_as_0_9(model, indexer)
    head = head_of(model)
    return ArchiveClassifier(
        reader=reader,
        indexer=indexer,
        model=model,
        label_set=LabelSet(_labels(vocabulary, label_namespace_of(model), head), head),
        source=_source(archive, model_config, legacy=legacy),
        requirements=requirements_of(model),
    )


def _section(archive: Archive, name: str) -> dict[str, Any]:
    section = archive.config.get(name)
    if not isinstance(section, dict):
        raise BrokenArchive(archive.name, "config.json", f"has no section {name!r}")
    return section


def _build_model(config: Mapping[str, Any], vocabulary: Vocabulary, *, legacy: bool) -> Model:
    config = {key: value for key, value in config.items() if key not in TRAINING_ONLY}
    config = upgraded_model(config) if legacy else json.loads(json.dumps(config))
    _drop_weight_sources(config)
    return Model.from_params(vocab=vocabulary, params=Params(config))


def _drop_weight_sources(node: Any) -> None:
    """Files that weights were once taken from: the archive holds the weights, and no other file is opened."""
    if isinstance(node, list):
        for child in node:
            _drop_weight_sources(child)
    elif isinstance(node, dict):
        for key in ("pretrained_file", "override_weights_file", "override_weights_strip_prefix"):
            node.pop(key, None)
        for child in node.values():
            _drop_weight_sources(child)


def _pad_as_0_9(model: nn.Module, indexer: TextIndexer) -> None:
    """AllenNLP 0.9's CNN pools over padding; tell the model how far an instance is padded when alone."""
    if isinstance(model, EncodingBasicClassifier | SequenceClassifierBase | BiomeBiMpm):
        model.token_min_padding_length = indexer.min_length
    # All character indexers of a text pad to one length.
    characters = [each for each in indexer.indexers.values() if isinstance(each, Characters)]
    longest = max((each.min_characters for each in characters), default=0)
    for each in characters:
        each.min_characters = longest
    for module in model.modules():
        if isinstance(module, CharacterEncoder):
            module.min_padding_length = longest


def _labels(vocabulary: Vocabulary, namespace: str, head: nn.Module) -> tuple[str, ...]:
    """In index order; an index without a name in the vocabulary is its own name, as in AllenNLP."""
    names = vocabulary.get_index_to_token_vocabulary(namespace)
    first: Any = next(module for module in head.modules() if isinstance(module, nn.Linear))
    return tuple(names.get(index, str(index)) for index in range(first.out_features))


def _source(archive: Archive, model_config: Mapping[str, Any], *, legacy: bool) -> Source:
    registered = str(model_config.get("type"))
    if registered in ALLENNLP:
        versions = "0.8 - 0.9" if legacy else archive.library_version or "1.0 - 2.10"
        return Source("AllenNLP", versions, class_name(registered))
    return Source("biome.text", "0.3", class_name(registered))


def _sentence(error: BaseException) -> str:
    """An error's words on one line, without paths and without AllenNLP's advice on importing packages."""
    words: Sequence[str] = str(error).partition(" You should either use")[0].split()
    return " ".join("..." if word.count("/") > 1 else word for word in words)[:500]
