"""Encoders in fewer bits: as many texts in a third to half of the time, where the device computes in them.

CPUs do with AMX or AVX-512 BF16, GPUs since Ampere. Embeddings, pooling and head stay as they are, and so does every
classifier that would say something else than before.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor

from models.classifier import Classifier, probabilities

FULL = "fp32"
DTYPES = {"bf16": torch.bfloat16}
TOLERANCE = 0.05
"""How far a probability of a trial text may move."""
TRIALS, MOST_WORDS = 32, 60
SEED = 7


class PrecisionRefused(Exception):
    """The classifier is as it was; the words say why."""


def reduce_precision(classifier: Classifier, name: str) -> float:
    """Its layers compute in `name`, one of DTYPES, from now on. Gives how far a probability moved at most.

    Raises PrecisionRefused.
    """
    layers = classifier.reducible
    if layers is None:
        raise PrecisionRefused(f"only transformer encoders run in {name}")
    texts = trial_texts(classifier)
    before = answers(classifier, texts)  # (texts, num_labels)
    weights = [parameter.data for parameter in layers.parameters()]
    layers.to(DTYPES[name])
    moved = float((answers(classifier, texts) - before).abs().max())
    if not moved <= TOLERANCE:
        for parameter, weight in zip(layers.parameters(), weights, strict=True):
            parameter.data = weight
        raise PrecisionRefused(f"a probability moved by {moved:.3f}, and {TOLERANCE} is tolerated")
    classifier.precision = name
    classifier.size_bytes -= sum(weight.nbytes for weight in weights) - sum(one.nbytes for one in layers.parameters())
    return moved


def trial_texts(classifier: Classifier) -> list[str]:
    """The same every time: words that the classifier knows, a few to many."""
    rng = random.Random(SEED)  # noqa: S311 - the same texts every time, not a secret
    words = list(classifier.words())[:VOCABULARY] or ["a"]
    return [" ".join(rng.choices(words, k=rng.randint(1, MOST_WORDS))) for _ in range(TRIALS)]


VOCABULARY = 20_000


@torch.inference_mode()
def answers(classifier: Classifier, texts: Sequence[str]) -> Tensor:
    """Probabilities of texts that are read together: (texts, num_labels)."""
    batch = classifier.collate([classifier.featurize(text) for text in texts])
    return probabilities(classifier.label_set.head(classifier.encode(batch)).double(), classifier.multilabel)
