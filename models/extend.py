"""Wider heads: new labels over the same encoder, the old rows bit for bit the same.

With softmax the odds among the old labels are whatever they were, since their logits are; with sigmoids the old
probabilities are. A new row is inert (it keeps a stated, tiny probability) or fitted to examples by regularised
maximum likelihood, which is convex: see docs/labels.md for the mathematics and for where the defaults come from.

Everything here is pure and runs on the CPU in float64; reading the rows of a head on an accelerator copies them, so
call it where the device may be touched.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from models.classifier import LabelSet
from models.convex_fit import Problem, Rows, fit_rows
from models.errors import ExtensionError, LabelExists
from models.head_tensors import BIAS, WEIGHT, appends_in_place, head_tensors, with_head_tensors

PRIOR = 0.001
"""The probability that a label without examples has at most."""
L2 = 0.005
"""How strongly fitted rows are pulled to the inert one; an example counts 1."""
MAX_LABEL_LENGTH = 200
"""Characters."""

Target = str | Collection[str]
"""What an example is: a label, or for a multi-label classifier all labels that it has."""


def inert(label_set: LabelSet, labels: Sequence[str], *, prior: float = PRIOR, multilabel: bool = False) -> LabelSet:
    """The next version, whose new labels have a probability of at most `prior` for every input.

    With sigmoids it is exactly `prior`. With softmax it is `prior` where all old labels are equally probable, and less
    elsewhere. Raises ExtensionError for labels that cannot be added and for a prior that is not in (0, 0.5].
    """
    check_labels(label_set, labels)
    check_prior(prior)
    centre = inert_row(label_set.head, prior, multilabel=multilabel)
    return _widened(label_set, labels, _repeated(centre, len(labels)))


def fit(
    label_set: LabelSet,
    labels: Sequence[str],
    vectors: Tensor,
    targets: Sequence[Target],
    *,
    anchors: Tensor | None = None,
    prior: float = PRIOR,
    l2: float = L2,
    multilabel: bool = False,
) -> LabelSet:
    """The next version, whose new labels are learned from examples; those without any stay inert.

    `vectors` (examples, dim) are what `encode` gives; `targets` says what each example is, in old or new labels.
    `anchors` (any number, dim) are encoded made-up instances that no new label should claim (models/anchors.py).
    Raises ExtensionError for labels, examples or numbers that cannot be used.
    """
    check(label_set, labels, vectors, targets, prior=prior, l2=l2, multilabel=multilabel)
    anchors = vectors[:0] if anchors is None else anchors[anchors.isfinite().all(dim=1)]
    # (examples, new labels)
    wanted = membership(labels, targets)
    taught = wanted.any(dim=0)
    centre = inert_row(label_set.head, prior, multilabel=multilabel)
    rows = _repeated(centre, len(labels))
    if taught.any():
        problem = _problem(label_set.head, centre, vectors, wanted[:, taught], anchors, multilabel=multilabel)
        fitted = fit_rows(problem, l2=l2)
        rows.weight[taught] += fitted.weight
        rows.bias[taught] += fitted.bias
    return _widened(label_set, labels, rows)


def membership(labels: Sequence[str], targets: Sequence[Target]) -> Tensor:
    """(examples, labels), True where an example has a label."""
    named = [{target} if isinstance(target, str) else set(target) for target in targets]
    rows = [[label in names for label in labels] for names in named]
    return torch.tensor(rows, dtype=torch.bool).reshape(len(named), len(labels))


def inert_row(head: nn.Module, prior: float, *, multilabel: bool) -> Rows:
    """The row that keeps a new label's probability at `prior` or below, whatever the input: (dim,), ().

    Sigmoid: no weights, and a bias of logit(prior). Softmax over C labels: the mean of the old rows, plus
    log(C) + logit(prior). As the sum of exponentials is C times that of the mean logit or more (the means of
    arithmetic and geometry), the odds against all old labels are those of `prior` or less. Where an activation follows
    the linear layer, the least that it gives stands in for the mean logit.
    """
    tensors = head_tensors(head)
    weight = tensors[WEIGHT].double()
    bias = tensors[BIAS].double() if BIAS in tensors else weight.new_zeros(len(weight))
    logit = math.log(prior / (1 - prior))
    nothing = torch.zeros_like(weight[0])
    if multilabel:
        return Rows(nothing, torch.tensor(logit, dtype=torch.float64))
    shift = logit + math.log(len(weight))
    if appends_in_place(head):
        return Rows(weight.mean(dim=0), bias.mean() + shift)
    return Rows(nothing, torch.tensor(shift + _least_activation(head), dtype=torch.float64))


def _least_activation(head: nn.Module) -> float:
    """Over what a linear layer may give, of all activations in a head."""
    probe = torch.linspace(-LARGE_LOGIT, LARGE_LOGIT, 10_001)
    activations = [module for module in head.modules() if not list(module.children())]
    given = [activation(probe) for activation in activations if not isinstance(activation, nn.Linear)]
    return min(float(values.min()) for values in given)


LARGE_LOGIT = 50.0


@torch.no_grad()
def _problem(
    head: nn.Module, centre: Rows, vectors: Tensor, wanted: Tensor, anchors: Tensor, *, multilabel: bool
) -> Problem:
    # (examples + anchors, dim)
    rows = torch.cat([vectors, anchors]).detach().cpu().double()
    # (examples + anchors, new labels)
    members = torch.cat([wanted, torch.zeros(len(anchors), wanted.size(1), dtype=torch.bool)])
    weights = torch.ones(len(rows), dtype=torch.float64)
    if len(anchors):
        weights[len(vectors) :] = _weight_of_anchors(wanted) / len(anchors)
    # (examples + anchors,)
    start = rows @ centre.weight + centre.bias
    old = None if multilabel else _in_float64(head)(rows).logsumexp(dim=-1)
    return Problem(rows, members, weights, start, old)


def _weight_of_anchors(wanted: Tensor) -> float:
    """Of all together: what examples of old labels leave of the weight that the old labels have."""
    new = int(wanted.any(dim=1).sum())
    return max(OLD_WEIGHT * new - (len(wanted) - new), new)


OLD_WEIGHT = 13.0
"""What the old labels weigh together, for each example of a new one: how sparing new labels are."""


def _in_float64(head: nn.Module) -> nn.Module:
    return copy.deepcopy(head).cpu().double()


def _repeated(row: Rows, count: int) -> Rows:
    # (dim,), () -> (count, dim), (count,)
    return Rows(row.weight.repeat(count, 1), row.bias.repeat(count))


def _widened(label_set: LabelSet, labels: Sequence[str], rows: Rows) -> LabelSet:
    old = head_tensors(label_set.head)
    weight = old[WEIGHT]
    bias = old.get(BIAS, weight.new_zeros(len(weight)))
    # (old labels + new labels, dim), (old labels + new labels,)
    wide = {WEIGHT: torch.cat([weight, rows.weight.to(weight)]), BIAS: torch.cat([bias, rows.bias.to(bias)])}
    head = with_head_tensors(label_set.head, wide)
    return LabelSet((*label_set.labels, *labels), head, label_set.version + 1)


def check(
    label_set: LabelSet,
    labels: Sequence[str],
    vectors: Tensor,
    targets: Sequence[Target],
    *,
    prior: float,
    l2: float,
    multilabel: bool,
) -> None:
    """Raises ExtensionError for what `fit` cannot use."""
    check_labels(label_set, labels)
    check_prior(prior)
    check_l2(l2)
    check_examples([*label_set.labels, *labels], vectors, targets, multilabel=multilabel)


def check_labels(label_set: LabelSet, labels: Sequence[str]) -> None:
    """Raises ExtensionError where these names cannot be appended."""
    if not labels:
        raise ExtensionError("no new label is named; send at least one.", "labels")
    for label in labels:
        if not isinstance(label, str) or not label.strip():
            raise ExtensionError("a label is empty; every label needs a name.", "labels")
        if len(label) > MAX_LABEL_LENGTH:
            reason = f"a label has {len(label)} characters; names have {MAX_LABEL_LENGTH} at most."
            raise ExtensionError(reason, "labels")
        if label != label.strip() or not label.isprintable():
            reason = f"the label {label!r} begins or ends with space, or holds characters that do not print."
            raise ExtensionError(reason, "labels")
        if label in label_set.labels:
            raise LabelExists(f"the label {label!r} exists already; name new ones only.", "labels")
    twice = [label for label in labels if list(labels).count(label) > 1]
    if twice:
        raise ExtensionError(f"the label {twice[0]!r} is named twice; name each once.", "labels")


def check_prior(prior: float) -> None:
    """Raises ExtensionError for what is not in (0, 0.5]."""
    if not 0 < prior <= 0.5:
        raise ExtensionError("prior must be more than 0 and at most 0.5.", "prior")


def check_l2(l2: float) -> None:
    """Raises ExtensionError for what is not positive and finite."""
    if not 0 < l2 < math.inf:
        raise ExtensionError("l2 must be a positive number.", "l2")


def check_examples(labels: Sequence[str], vectors: Tensor, targets: Sequence[Target], *, multilabel: bool) -> None:
    """Raises ExtensionError, naming the example by its place, for what cannot be learned from.

    `labels` are all that an example may have, old and new.
    """
    if len(targets) != len(vectors):
        raise ExtensionError(f"{len(vectors)} instances came with {len(targets)} labels; send one each.", "examples")
    known = set(labels)
    for index, target in enumerate(targets):
        if isinstance(target, str) == multilabel:
            kind = "a list of labels" if multilabel else "one label"
            raise ExtensionError(f"examples[{index}]: 'label' must be {kind}.", "examples")
        named = [target] if isinstance(target, str) else target
        if unknown := [name for name in named if name not in known]:
            listed = ", ".join(labels)
            raise ExtensionError(f"examples[{index}]: the label {unknown[0]!r} is none of {listed}.", "examples")
    if unanswered := (~vectors.isfinite().all(dim=1)).nonzero().flatten().tolist():
        reason = "the classifier has no answer for this instance; leave it out."
        raise ExtensionError(f"examples[{unanswered[0]}]: {reason}", "examples")
