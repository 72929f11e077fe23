"""The convex problem of fitting new rows beside fixed ones, solved to its one optimum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Rows(NamedTuple):
    """What gives the logits of some labels: `weight` (labels, dim), `bias` (labels,); of one label (dim,), ()."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Problem:
    """Examples in float64, for rows that are added to what the new labels have at the start.

    With `old` it is multinomial: an example is one of the new labels or "old", whose logit is fixed. Without, each new
    label is a logistic regression by itself.
    """

    vectors: Tensor
    """(examples, dim)"""
    members: Tensor
    """(examples, labels), True where an example has a label."""
    weights: Tensor
    """(examples,), how much each counts."""
    start: Tensor
    """(examples,), the logit of a new label whose row is zero."""
    old: Tensor | None
    """(examples,), the logit of all old labels together; None where labels do not exclude each other."""

    def loss(self, rows: Rows) -> Tensor:
        """Negative log-likelihood, summed over the examples by weight."""
        # (examples, labels)
        logits = self.start.unsqueeze(1) + functional.linear(self.vectors, rows.weight, rows.bias)
        if self.old is None:
            losses = functional.binary_cross_entropy_with_logits(logits, self.members.double(), reduction="none")
            return self.weights @ losses.sum(dim=1)
        # (examples, 1 + labels)
        logits = torch.cat([self.old.unsqueeze(1), logits], dim=1)
        # (examples,): 0 is old, and the new labels follow.
        classes = torch.where(self.members.any(dim=1), 1 + self.members.int().argmax(dim=1), 0)
        return self.weights @ functional.cross_entropy(logits, classes, reduction="none")


def fit_rows(problem: Problem, *, l2: float) -> Rows:
    """The rows of least loss + l2 / 2 * (|weight|^2 + BIAS_SHARE * |bias|^2), by L-BFGS from zero.

    Always the same for one problem. Vectors are divided by their root mean squared norm first, so that `l2` means the
    same whatever an encoder's scale.
    """
    vectors = problem.vectors
    scale = vectors.square().sum(dim=1).mean().sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    scaled = replace(problem, vectors=vectors / scale)
    labels = problem.members.size(1)
    weight = vectors.new_zeros(labels, vectors.size(1)).requires_grad_()
    bias = vectors.new_zeros(labels).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=MAX_ITERATIONS,
        tolerance_grad=TOLERANCE,
        tolerance_change=0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        loss = scaled.loss(Rows(weight, bias)) + l2 / 2 * (weight.square().sum() + BIAS_SHARE * bias.square().sum())
        torch.autograd.backward(loss)
        return loss

    with torch.enable_grad():
        optimizer.step(objective)
    return Rows(weight.detach() / scale, bias.detach())


BIAS_SHARE = 0.001
"""A bias is all but free; a little keeps the optimum finite where every example has the label."""
MAX_ITERATIONS = 1000
TOLERANCE = 1e-6
"""Of the largest gradient, where an example counts 1."""
