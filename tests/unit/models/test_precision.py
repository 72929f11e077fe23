"""Encoders in bfloat16: close to what they said, or as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models.classifier import Classifier, probabilities
from models.explain import ends, gradients, path
from models.explain_methods import gauss_legendre
from models.explanations import explainable_by, method_for
from models.loading import load_classifier
from models.precision import TOLERANCE, PrecisionRefused, reduce_precision, trial_texts
from tests.unit.models.test_checkpoint import checkpoint

__all__ = ["checkpoint"]

TEXTS = ["good service", "The parcel arrived late, and damaged!", "", "what time do you open on Sunday mornings? " * 9]


@torch.inference_mode()
def answers(classifier: Classifier, texts: list[str]) -> torch.Tensor:
    batch = classifier.collate([classifier.featurize(text) for text in texts])
    return probabilities(classifier.label_set.head(classifier.encode(batch)), classifier.multilabel)


@torch.inference_mode()
def let_small_differences_decide(classifier: Classifier) -> None:
    batch = classifier.collate([classifier.featurize(text) for text in trial_texts(classifier)])
    vectors = classifier.encode(batch)  # (texts, dim)
    head = classifier.label_set.head
    head.weight.mul_(1e4)
    head.bias.copy_(-head.weight @ vectors.mean(dim=0))


def test_a_reduced_encoder_says_about_the_same_in_half_the_bytes(checkpoint: Callable[[str], Path]) -> None:
    folder = checkpoint("bert")
    full, reduced = load_classifier(folder), load_classifier(folder)
    moved = reduce_precision(reduced, "bf16")
    assert reduced.precision == "bf16"
    assert 0 < moved <= TOLERANCE
    difference = (answers(reduced, TEXTS) - answers(full, TEXTS)).abs().max()
    assert 0 < difference <= TOLERANCE
    encoder_bytes = sum(weight.nbytes for weight in full.reducible.parameters())
    assert full.size_bytes - reduced.size_bytes == encoder_bytes // 2


def test_an_encoder_whose_answers_move_stays_as_it_was(checkpoint: Callable[[str], Path]) -> None:
    folder = checkpoint("bert")
    full, refused = load_classifier(folder), load_classifier(folder)
    for classifier in (full, refused):
        let_small_differences_decide(classifier)
    with pytest.raises(PrecisionRefused, match="moved by"):
        reduce_precision(refused, "bf16")
    assert refused.precision == "fp32"
    assert torch.equal(answers(refused, TEXTS), answers(full, TEXTS))


def test_only_encoders_that_can_are_reduced(checkpoint: Callable[[str], Path]) -> None:
    with pytest.raises(PrecisionRefused, match="only transformer encoders"):
        reduce_precision(load_classifier(checkpoint("distilbert")), "bf16")


def test_trial_texts_are_words_it_knows_of_many_lengths(checkpoint: Callable[[str], Path]) -> None:
    classifier = load_classifier(checkpoint("bert"))
    texts = trial_texts(classifier)
    assert texts == trial_texts(classifier)
    assert {word for text in texts for word in text.split()} <= set(classifier.words())
    assert len({len(text.split()) for text in texts}) > 10


def test_a_reduced_encoder_is_explained_about_the_same(checkpoint: Callable[[str], Path]) -> None:
    folder = checkpoint("bert")
    found = []
    for precision in ("fp32", "bf16"):
        classifier = load_classifier(folder)
        if precision == "bf16":
            reduce_precision(classifier, precision)
        method = method_for(classifier, "integrated_gradients")
        seen = explainable_by(classifier, method)
        batch = classifier.collate([classifier.featurize(TEXTS[1])])
        head = classifier.label_set.head
        along = path(seen, batch, "pad")
        (slopes,) = gradients(method, seen, head, batch, along, [gauss_legendre(20)], [0])
        found.append(torch.stack([torch.as_tensor(one).flatten() for one in slopes]).flatten())
        ends(seen, head, batch, along)
    full, reduced = found
    assert torch.nn.functional.cosine_similarity(full, reduced, dim=0) > 0.98
