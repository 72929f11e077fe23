"""Another engine than torch for what a classifier's encoder reads, where it says the same.

OpenVINO compiles a BERT for batches without padding (models/openvino_bert.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import BertModel

from models.classifier import Classifier
from models.openvino_bert import OpenVinoBert, set_engine
from models.precision import answers, trial_texts

OPENVINO = "openvino"
TOLERANCES = {"fp32": 1e-4, "bf16": 0.05}
"""How far a probability of a trial text may be from what torch says in the same precision."""


class EngineRefused(Exception):
    """The classifier is as it was; the words say why."""


def use_openvino(classifier: Classifier) -> float:
    """What it reads without padding is read by OpenVINO from now on. Gives how far a probability moved at most.

    Raises EngineRefused.
    """
    bert = _bert_of(classifier)
    if bert is None:
        raise EngineRefused(f"only BERT encoders run on {OPENVINO}")
    texts = trial_texts(classifier)
    before = _answers_alone(classifier, texts)  # (texts, num_labels)
    set_engine(bert, OpenVinoBert(classifier.precision))
    try:
        moved = float((_answers_alone(classifier, texts) - before).abs().max())
        if not moved <= TOLERANCES[classifier.precision]:
            tolerated = TOLERANCES[classifier.precision]
            raise EngineRefused(f"a probability moved by {moved:.5f}, and {tolerated} is tolerated")
        classifier.engine = OPENVINO
    except ImportError:
        raise EngineRefused(f"it is not installed; install it with: pip install {OPENVINO}") from None
    finally:
        if classifier.engine != OPENVINO:
            set_engine(bert, None)
    return moved


def _bert_of(classifier: Classifier) -> BertModel | None:
    model: nn.Module = getattr(classifier, "model", nn.Identity())
    layers = classifier.reducible
    found = (one for one in model.modules() if isinstance(one, BertModel) and one.encoder is layers)
    return next(found, None)


def _answers_alone(classifier: Classifier, texts: Sequence[str]) -> Tensor:
    """(texts, num_labels)"""
    return torch.cat([answers(classifier, [text]) for text in texts])
