"""Rows of a batch that the original would not have run alone."""

import math

import torch
from torch import Tensor


def per_row(rows: Tensor, like: Tensor) -> Tensor:
    """(batch,) -> (batch, 1, ...) with as many dimensions as `like`."""
    return rows.view([-1] + [1] * (like.dim() - 1))


def as_if_alone(outputs: Tensor, mask: Tensor, lengths: Tensor, empty: float) -> Tensor:
    """(batch, ...), (batch, length), (batch,) -> (batch, ...): a row without tokens gives `empty`, and one whose first
    position alone is masked NaN, "the original has no answer"."""
    nothing = lengths == 0  # (batch,)
    runs = mask[:, 0].to(torch.bool) & ~nothing  # (batch,)
    if bool(runs.all()):
        return outputs
    instead = torch.full_like(lengths, math.nan, dtype=outputs.dtype).masked_fill(nothing, empty)  # (batch,)
    return torch.where(per_row(runs, outputs), outputs, per_row(instead, outputs))  # (batch, ...)
