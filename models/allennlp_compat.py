"""AllenNLP 2.10.1 on a current stack: what it needs put right, and the one door through which it is imported.

AllenNLP is archived and pinned to torch < 1.13. It runs unchanged on today's torch when the few things
below are put right from outside. Every module here that needs AllenNLP imports its names from this one.
"""

import importlib.util
import logging
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from typing import Any, Union

# Imported before the stand-ins exist, so that neither takes a stand-in for an installed package.
import spacy  # noqa: F401
import torch
import transformers
import transformers.processing_utils  # replaces sys.modules["transformers"]: must happen before AdamW is set

from models import hub

UNUSED_DEPENDENCIES = (
    "cached_path",  # downloads; archives here are local files
    "fairscale",
    "h5py",
    "lmdb",
    "nltk",
    "scipy",
    "sklearn",
    "tensorboardX",
    "torchvision",
)
"""Packages that AllenNLP imports at module level for features outside text classification."""


class _StandIn(types.ModuleType):
    """A module whose every attribute is an empty class: enough to be imported from and inherited from."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class _StandInFinder(Loader):
    """Answers imports of the unused dependencies that are not installed."""

    def __init__(self) -> None:
        self._missing = {name for name in UNUSED_DEPENDENCIES if importlib.util.find_spec(name) is None}

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] in self._missing:
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run."""


@contextmanager
def _stand_ins() -> Iterator[None]:
    """Stand-ins for the unused dependencies, gone again afterwards so that nobody else meets them."""
    finder = _StandInFinder()
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _StandIn)]:
            del sys.modules[name]


class _AdamW(torch.optim.AdamW):
    """transformers dropped its own AdamW; AllenNLP registers it as an optimizer at import."""


vars(transformers)["AdamW"] = _AdamW

# AllenNLP's import configures nothing, but warns about optional integrations that are not wanted here.
logging.getLogger("allennlp.common.plugins").setLevel(logging.ERROR)

with _stand_ins():
    from allennlp.common import FromParams, Params, Registrable, cached_transformers, file_utils, from_params
    from allennlp.common import util as common_util
    from allennlp.common.checks import ConfigurationError, check_dimensions_match
    from allennlp.data import TextFieldTensors, Vocabulary
    from allennlp.models import BasicClassifier, Model
    from allennlp.modules import FeedForward, Seq2SeqEncoder, Seq2VecEncoder, TextFieldEmbedder, TimeDistributed
    from allennlp.modules.bimpm_matching import BiMpmMatching
    from allennlp.modules.seq2seq_encoders import (
        AugmentedLstmSeq2SeqEncoder,
        FeedForwardEncoder,
        GruSeq2SeqEncoder,
        LstmSeq2SeqEncoder,
        PassThroughEncoder,
        RnnSeq2SeqEncoder,
        StackedAlternatingLstmSeq2SeqEncoder,
        StackedBidirectionalLstmSeq2SeqEncoder,
    )
    from allennlp.modules.seq2vec_encoders import (
        AugmentedLstmSeq2VecEncoder,
        BagOfEmbeddingsEncoder,
        ClsPooler,
        CnnEncoder,
        GruSeq2VecEncoder,
        LstmSeq2VecEncoder,
        RnnSeq2VecEncoder,
        StackedAlternatingLstmSeq2VecEncoder,
        StackedBidirectionalLstmSeq2VecEncoder,
    )
    from allennlp.modules.text_field_embedders import BasicTextFieldEmbedder
    from allennlp.modules.token_embedders import (
        Embedding,
        PretrainedTransformerEmbedder,
        PretrainedTransformerMismatchedEmbedder,
        TokenCharactersEncoder,
        TokenEmbedder,
        embedding,
    )
    from allennlp.nn import Activation, InitializerApplicator, RegularizerApplicator
    from allennlp.nn.util import get_text_field_mask, get_token_ids_from_text_field_tensors
    from allennlp.training.metrics import CategoricalAccuracy, F1Measure, FBetaMeasure, FBetaMultiLabelMeasure

__all__ = [
    "Activation",
    "AugmentedLstmSeq2SeqEncoder",
    "AugmentedLstmSeq2VecEncoder",
    "BagOfEmbeddingsEncoder",
    "BasicClassifier",
    "BasicTextFieldEmbedder",
    "BiMpmMatching",
    "CategoricalAccuracy",
    "ClsPooler",
    "CnnEncoder",
    "ConfigurationError",
    "Embedding",
    "F1Measure",
    "FBetaMeasure",
    "FBetaMultiLabelMeasure",
    "FeedForward",
    "FeedForwardEncoder",
    "FromParams",
    "GruSeq2SeqEncoder",
    "GruSeq2VecEncoder",
    "InitializerApplicator",
    "LstmSeq2SeqEncoder",
    "LstmSeq2VecEncoder",
    "Model",
    "Params",
    "PassThroughEncoder",
    "PretrainedTransformerEmbedder",
    "PretrainedTransformerMismatchedEmbedder",
    "Registrable",
    "RegularizerApplicator",
    "RnnSeq2SeqEncoder",
    "RnnSeq2VecEncoder",
    "Seq2SeqEncoder",
    "Seq2VecEncoder",
    "StackedAlternatingLstmSeq2SeqEncoder",
    "StackedAlternatingLstmSeq2VecEncoder",
    "StackedBidirectionalLstmSeq2SeqEncoder",
    "StackedBidirectionalLstmSeq2VecEncoder",
    "TextFieldEmbedder",
    "TextFieldTensors",
    "TimeDistributed",
    "TokenCharactersEncoder",
    "TokenEmbedder",
    "Vocabulary",
    "check_dimensions_match",
    "get_text_field_mask",
    "get_token_ids_from_text_field_tensors",
]


def _resolve_registered_name(cls: Any, name: str) -> tuple[type, str | None]:
    """The registered class only: AllenNLP would import and call any dotted path that a config names."""
    registered = Registrable._registry[cls]
    if name not in registered:
        choices = ", ".join(sorted(registered))
        raise ConfigurationError(f"{name!r} is not a registered {cls.__name__}; registered are: {choices}")
    return registered[name]


Registrable.resolve_class_name = classmethod(_resolve_registered_name)


def _remove_optional(annotation: Any) -> Any:
    """`X | None` like `Optional[X]`: FromParams would silently pass raw dicts where it meets the former."""
    if isinstance(annotation, types.UnionType):
        annotation = Union[annotation.__args__]  # noqa: UP007  (builds one at run time)
    return _original_remove_optional(annotation)


_original_remove_optional = from_params.remove_optional
from_params.remove_optional = _remove_optional

# Local files only: transformers come from the hub directory, nothing is fetched or installed at run time, and
# nothing is kept in process-wide caches (theirs ignore `load_weights` and hold a second copy of the weights).
cached_transformers.get = hub.transformer
cached_transformers.get_tokenizer = hub.tokenizer


def _refuse_download(name: str, *_: Any, **__: Any) -> Any:
    raise ConfigurationError(f"{name!r} would have to be downloaded; only local files are used")


def _never_a_file(name: str | None) -> bool:
    """What an embedding asks of the file that its first weights came from, when the vocabulary grows."""
    return False


embedding.is_url_or_existing_file = _never_a_file
file_utils.cached_path = _refuse_download
common_util.spacy_download = _refuse_download
