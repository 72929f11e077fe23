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

    def probabilities(self, rows: Rows) -> Tensor:
        """(examples, labels), of the new labels."""
        logits = self.start.unsqueeze(1) + functional.linear(self.vectors, rows.weight, rows.bias)
        if self.old is None:
            return logits.sigmoid()
        return torch.cat([self.old.unsqueeze(1), logits], dim=1).softmax(dim=1)[:, 1:]


def fit_rows(problem: Problem, *, l2: float) -> Rows:
    """The rows of least loss + l2 / 2 * (|weight|^2 + BIAS_SHARE * |bias|^2), from zero: by Newton's method where there
    are few numbers to find, by L-BFGS where there are many.

    Always the same for one problem. Vectors are divided by their root mean squared norm first, so that `l2` means the
    same whatever an encoder's scale.
    """
    vectors = problem.vectors
    scale = vectors.square().sum(dim=1).mean().sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    scaled = replace(problem, vectors=vectors / scale)
    few = problem.members.size(1) * (vectors.size(1) + 1) <= MOST_BY_NEWTON
    found = (newton(scaled, l2) if few else None) or lbfgs(scaled, l2)
    return Rows(found.weight / scale, found.bias)


@torch.no_grad()
def newton(problem: Problem, l2: float) -> Rows | None:
    """`fit_rows` without its scale, in few steps, each of cubic time in the numbers to find. A step is halved until it
    gains. None where rounding leaves no step that does before the slope is TOLERANCE."""
    labels, dim = problem.members.size(1), problem.vectors.size(1)
    penalty = problem.vectors.new_full((dim + 1,), l2)
    penalty[-1] *= BIAS_SHARE
    inputs = functional.pad(problem.vectors, (0, 1), value=1.0)  # (examples, dim + 1)
    found = inputs.new_zeros(labels, dim + 1)

    def objective(rows: Tensor) -> Tensor:
        return problem.loss(_rows(rows)) + (penalty * rows.square()).sum() / 2

    least = objective(found)
    for _ in range(MOST_STEPS):
        probabilities = problem.probabilities(_rows(found))
        residuals = problem.weights.unsqueeze(1) * (probabilities - problem.members.double())
        slope = residuals.t() @ inputs + penalty * found  # (labels, dim + 1)
        if slope.abs().max() <= TOLERANCE:
            return _rows(found)
        factor, failed = torch.linalg.cholesky_ex(_curvature(problem, probabilities, inputs, penalty))
        if failed:
            return None
        step = torch.cholesky_solve(slope.flatten().unsqueeze(1), factor).view_as(slope)
        share = 1.0
        while not (ahead := objective(found - share * step)) <= least - ENOUGH * share * (slope * step).sum():
            share /= 2
            if share < LEAST_SHARE:
                return None
        found, least = found - share * step, ahead
    return None


def _rows(found: Tensor) -> Rows:
    """(labels, dim + 1), the biases last."""
    return Rows(found[:, :-1], found[:, -1])


def _curvature(problem: Problem, probabilities: Tensor, inputs: Tensor, penalty: Tensor) -> Tensor:
    """The objective's second derivatives, of which Cholesky's factors need the lower triangle: (labels * (dim + 1),
    labels * (dim + 1))."""
    labels, width = probabilities.size(1), inputs.size(1)
    whole = inputs.new_zeros(labels, width, labels, width)
    for one in range(labels):
        for other in range(one + 1):
            if one == other:
                shares = probabilities[:, one] * (1 - probabilities[:, one])  # (examples,)
                whole[one, :, one] = (inputs.t() * (problem.weights * shares)) @ inputs + penalty.diag()
            elif problem.old is not None:
                shares = probabilities[:, one] * probabilities[:, other]
                whole[one, :, other] = -(inputs.t() * (problem.weights * shares)) @ inputs
    # (labels, dim + 1, labels, dim + 1) -> (labels * (dim + 1), labels * (dim + 1))
    return whole.flatten(2).flatten(0, 1)


def lbfgs(problem: Problem, l2: float) -> Rows:
    """The same by limited-memory BFGS (Liu and Nocedal, 1989), in some hundred steps of linear time."""
    vectors, labels = problem.vectors, problem.members.size(1)
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
        loss = problem.loss(Rows(weight, bias)) + l2 / 2 * (weight.square().sum() + BIAS_SHARE * bias.square().sum())
        torch.autograd.backward(loss)
        return loss

    with torch.enable_grad():
        optimizer.step(objective)
    return Rows(weight.detach(), bias.detach())


BIAS_SHARE = 0.001
"""A bias is all but free; a little keeps the optimum finite where every example has the label."""
MOST_BY_NEWTON = 300
"""Numbers to find. Beyond, its steps of cubic time take longer than the many of L-BFGS."""
MOST_STEPS = 50
ENOUGH, LEAST_SHARE = 1e-4, 1e-6
"""Of what the slope promises a step has to gain (Armijo, 1966); the least share of a step that is tried."""
MAX_ITERATIONS = 1000
TOLERANCE = 1e-6
"""Of the largest gradient, where an example counts 1."""
