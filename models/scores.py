"""What a head says, read off the device in one go."""

import torch
from torch import Tensor

from models.classifier import probabilities
from models.scripted import scripted


@scripted
def scores_and_logits(logits: Tensor, multilabel: bool) -> Tensor:
    """(batch, num_labels) -> (batch, 2, num_labels): softmax over the labels or one sigmoid for each, and the logits.

    In float64, so that what is left beside a label that is all but certain keeps its odds.
    """
    logits = logits.float().double()
    return torch.stack([probabilities(logits, multilabel), logits], dim=1)
