"""The libraries whose archives the demo models are: how each names its vocabularies and builds its model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from models.allennlp_compat import Model, Params
from models.archive import Archive
from models.archive_classifier import ArchiveClassifier
from models.biome_pipeline import build_model, build_pipeline, is_pipeline
from models.head_reader import HeadReader
from models.legacy_config import upgraded_model
from models.loading import build_classifier
from models.pipeline_config import pipeline_configuration
from models.reader_config import build_reader
from models.readers import Reader
from models.vocabulary import NON_PADDED, vocabulary_from_files

Config = dict[str, Any]
Files = Mapping[str, str]
"""Vocabulary file name -> its text."""


@dataclass(frozen=True)
class Library:
    """`words`, `characters` and `labels` are vocabulary namespaces; `build` opens an archive of the library."""

    words: str
    characters: str
    labels: str
    reader: Callable[[Config], Reader]
    model: Callable[[Config, Files], nn.Module]
    build: Callable[[Archive], ArchiveClassifier]

    def untrained(self, name: str, config: Config, files: Files) -> ArchiveClassifier:
        """The classifier that an archive of this configuration would load as, with random weights."""
        return self.build(Archive(name, config, self.model(config, files).state_dict(), files))


def _pipeline_model(config: Config, files: Files) -> nn.Module:
    return build_model(pipeline_configuration(config["model"]["config"]), vocabulary_from_files(files))


def _pipeline_reader(config: Config) -> Reader:
    """Reading needs no vocabulary, but a pipeline's head comes with one."""
    nothing = {"word.txt": "@@UNKNOWN@@", "char.txt": "@@UNKNOWN@@", NON_PADDED: "*labels"}
    model: Any = _pipeline_model(config, nothing)
    return HeadReader(model.head)


def _model(config: Config, files: Files) -> nn.Module:
    model: nn.Module = Model.from_params(
        params=Params(upgraded_model(config["model"])), vocab=vocabulary_from_files(files)
    )
    return model


BIOME_TEXT_0_3 = Library(
    words="tokens",
    characters="token_characters",
    labels="labels",
    reader=lambda config: build_reader(config["dataset_reader"], legacy=True),
    model=_model,
    build=build_classifier,
)
BIOME_TEXT_3 = Library(
    words="word",
    characters="char",
    labels="gold_labels",
    reader=_pipeline_reader,
    model=_pipeline_model,
    build=build_pipeline,
)


def library_of(config: Config) -> Library:
    return BIOME_TEXT_3 if is_pipeline(config) else BIOME_TEXT_0_3
