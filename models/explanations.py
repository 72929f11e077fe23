"""Which classifiers can be explained, and by which methods."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from weakref import WeakKeyDictionary

from models.archive_classifier import ArchiveClassifier
from models.checkpoint import CheckpointClassifier
from models.classifier import Classifier
from models.explain_archive import explain_archive, explain_text_field
from models.explain_checkpoint import ExplainableCheckpoint, reads_rows
from models.explain_methods import METHODS, Method
from models.explain_pair import FromFields
from models.explainable import UNIFORM, Explainable

NAMES = (*UNIFORM, "allennlp", "allennlp_simple", "biome")


@singledispatch
def explainable(classifier: Classifier) -> Explainable | None:
    """The classifier as gradients see it; None for one that cannot be explained."""
    return classifier.explainable()


@explainable.register
def _(classifier: ArchiveClassifier) -> Explainable | None:
    return explain_archive(classifier)


@explainable.register
def _(classifier: CheckpointClassifier) -> Explainable | None:
    return ExplainableCheckpoint(classifier) if reads_rows(classifier) else None


_METHODS: WeakKeyDictionary[Classifier, Sequence[str]] = WeakKeyDictionary()


def methods_of(classifier: Classifier) -> Sequence[str]:
    """The methods that explain a classifier: those of everyone, and those of the library that wrote it."""
    if classifier not in _METHODS:
        _METHODS[classifier] = () if explainable(classifier) is None else (*UNIFORM, *classifier.own_methods)
    return _METHODS[classifier]


def method_for(classifier: Classifier, name: str) -> Method:
    """What a name from `methods_of` means for the classifier."""
    return METHODS["biome_pair" if name == "biome" and classifier.kind == "record_pair" else name]


def explainable_by(classifier: Classifier, method: Method) -> Explainable:
    """The classifier from where the method's gradients end."""
    if isinstance(classifier, ArchiveClassifier):
        if method.name == "biome":
            return explain_text_field(classifier)
        if method.name == "biome_pair":
            return FromFields(classifier)
    found = explainable(classifier)
    assert found is not None
    return found
