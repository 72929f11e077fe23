"""What an extension does, measured on the examples given: by cross-validation, so that none judges what it taught."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from models.classifier import LabelSet
from models.extend import L2, PRIOR, Target, check, fit, membership

FOLDS = 5
FEW_EXAMPLES = 10
"""Fewer than these leave out most of what a label is."""
THRESHOLD = 0.5
"""A multi-label classifier says a label from this probability on."""


@dataclass(frozen=True, slots=True)
class LabelScores:
    """How one label did on examples held out; None where there is nothing to count."""

    label: str
    new: bool
    support: int
    """Examples that have it."""
    accuracy: float | None
    """Of saying that it is there, or that it is not."""
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class OldLabels:
    """Accuracy on the examples of old labels only, with the head as it was and as it would be (held out)."""

    support: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """`counts[i][j]` examples of `labels[i]` were taken for `labels[j]`."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class ExtensionReport:
    """JSON-ready by `dataclasses.asdict`. Shares are of 1."""

    examples: int
    anchors: int
    folds: int
    accuracy: float | None
    """Of all examples, held out; of a multi-label classifier the mean of its labels. None without examples."""
    labels: tuple[LabelScores, ...]
    """The new labels, then the old ones that have examples."""
    old_labels: OldLabels | None
    """None where no example has an old label only."""
    anchors_taken: float | None
    """Which share of the anchors new labels would take. None without anchors."""
    confusion: Confusion | None
    """None for a multi-label classifier."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Measured:
    """What was found for each example and anchor by rows that it did not teach: (rows, all labels), True where said."""

    names: tuple[str, ...]
    new: int
    truth: Tensor
    before: Tensor
    after: Tensor
    anchors_before: Tensor
    anchors_after: Tensor

    @property
    def num_old(self) -> int:
        return len(self.names) - self.new


def report(
    label_set: LabelSet,
    labels: Sequence[str],
    vectors: Tensor,
    targets: Sequence[Target],
    *,
    anchors: Tensor | None = None,
    prior: float = PRIOR,
    l2: float = L2,
    multilabel: bool = False,
    folds: int = FOLDS,
) -> ExtensionReport:
    """What `fit` with the same arguments does. Takes `folds` fits; raises ExtensionError as `fit` does."""
    anchors = vectors[:0] if anchors is None else anchors[anchors.isfinite().all(dim=1)]
    names = (*label_set.labels, *labels)
    check(label_set, labels, vectors, targets, prior=prior, l2=l2, multilabel=multilabel)
    taught = partial(fit, label_set, labels, prior=prior, l2=l2, multilabel=multilabel)
    parts = fold_numbers(vectors, targets, folds)
    anchor_parts = torch.arange(len(anchors)) % folds
    after, anchors_after = (torch.zeros(len(rows), len(names), dtype=torch.bool) for rows in (vectors, anchors))
    for part in range(folds):
        held, anchors_held = parts == part, anchor_parts == part
        kept = [target for target, out in zip(targets, held.tolist(), strict=True) if not out]
        extended = taught(vectors[~held], kept, anchors=anchors[~anchors_held])
        after[held] = _said(extended.head, vectors[held], len(names), multilabel=multilabel)
        anchors_after[anchors_held] = _said(extended.head, anchors[anchors_held], len(names), multilabel=multilabel)
    measured = _Measured(
        names,
        len(labels),
        membership(names, targets),
        _said(label_set.head, vectors, len(names), multilabel=multilabel),
        after,
        _said(label_set.head, anchors, len(names), multilabel=multilabel),
        anchors_after,
    )
    taken = measured.anchors_after[:, measured.num_old :].any(dim=1)
    return ExtensionReport(
        examples=len(vectors),
        anchors=len(anchors),
        folds=folds,
        accuracy=_share(measured.after == measured.truth if multilabel else _agreement(measured)),
        labels=tuple(_scores(measured)),
        old_labels=_old_labels(measured),
        anchors_taken=_share(taken),
        confusion=None if multilabel else _confusion(measured),
        warnings=tuple(_warnings(measured, vectors, targets, prior)),
    )


def fold_numbers(vectors: Tensor, targets: Sequence[Target], folds: int) -> Tensor:
    """Which fold each example is held out in: (examples,).

    The examples of each label are dealt out in turn. Equal vectors stay together, or one would give the other away.
    """
    # (examples,): the same number for equal vectors
    _, alike = torch.unique(vectors, dim=0, return_inverse=True) if len(vectors) else (None, torch.empty(0))
    order = sorted(range(len(targets)), key=lambda index: (_key(targets[index]), index))
    fold_of: dict[int, int] = {}
    for index in order:
        fold_of.setdefault(int(alike[index]), len(fold_of) % folds)
    return torch.tensor([fold_of[int(group)] for group in alike], dtype=torch.long)


def _key(target: Target) -> tuple[str, ...]:
    return (target,) if isinstance(target, str) else tuple(sorted(target))


def _said(head: nn.Module, vectors: Tensor, width: int, *, multilabel: bool) -> Tensor:
    """The labels that a head says, (vectors, width); it has none beyond its own."""
    # (vectors, labels of the head)
    logits = copy.deepcopy(head).cpu()(vectors.cpu()) if len(vectors) else vectors.new_zeros(0, width)
    if multilabel:
        said = logits.sigmoid() >= THRESHOLD
    else:
        said = torch.zeros_like(logits, dtype=torch.bool)
        said.scatter_(1, logits.argmax(dim=1, keepdim=True), value=True)
    return nn.functional.pad(said, (0, width - said.size(1)))


def _share(of: Tensor) -> float | None:
    return float(of.double().mean()) if of.numel() else None


def _agreement(measured: _Measured) -> Tensor:
    """(examples,), True where exactly the right labels are said."""
    return (measured.after == measured.truth).all(dim=1)


def _scores(measured: _Measured) -> Iterator[LabelScores]:
    columns = range(len(measured.names))
    for column in (*columns[measured.num_old :], *columns[: measured.num_old]):
        truth, said = measured.truth[:, column], measured.after[:, column]
        new = column >= measured.num_old
        if new or truth.any():
            yield LabelScores(
                label=measured.names[column],
                new=new,
                support=int(truth.sum()),
                accuracy=_share(truth == said),
                precision=_share(truth[said]),
                recall=_share(said[truth]),
            )


def _old_labels(measured: _Measured) -> OldLabels | None:
    old = ~measured.truth[:, measured.num_old :].any(dim=1)
    if not old.any():
        return None
    before, after = ((said == measured.truth).all(dim=1)[old] for said in (measured.before, measured.after))
    return OldLabels(int(old.sum()), _share(before) or 0.0, _share(after) or 0.0)


def _confusion(measured: _Measured) -> Confusion:
    # (all labels, all labels): truth by answer
    counts = measured.truth.T.int() @ measured.after.int()
    seen = (counts.sum(dim=0) + counts.sum(dim=1) > 0).nonzero().flatten()
    # (labels seen, labels seen)
    table = counts[seen][:, seen].tolist()
    return Confusion(tuple(measured.names[index] for index in seen.tolist()), tuple(map(tuple, table)))


def _warnings(measured: _Measured, vectors: Tensor, targets: Sequence[Target], prior: float) -> Iterator[str]:
    yield from _about_support(measured, prior)
    yield from _about_the_old(measured)
    yield from _about_contradictions(vectors, targets)
    yield from _about_swallowing(measured)


def _about_support(measured: _Measured, prior: float) -> Iterator[str]:
    for score in _scores(measured):
        if not score.new:
            continue
        if score.support == 0:
            yield f"{score.label!r} has no example; it stays inert, with a probability of {prior:g} at most."
        elif score.support < FEW_EXAMPLES:
            yield f"{score.label!r} has {score.support} examples; with {FEW_EXAMPLES} or more it is surer."
        elif score.recall is not None and score.recall < THRESHOLD:
            yield f"{score.label!r} is hardly learned: {score.recall:.0%} of its examples are recognised when held out."


def _about_the_old(measured: _Measured) -> Iterator[str]:
    taught = measured.truth[:, measured.num_old :].any()
    if taught and measured.truth[:, measured.num_old :].any(dim=1).all() and not len(measured.anchors_before):
        yield "nothing says what the old labels are; without examples of them the new ones may take their answers."


def _about_contradictions(vectors: Tensor, targets: Sequence[Target]) -> Iterator[str]:
    first: dict[bytes, int] = {}
    for index, vector in enumerate(vectors.cpu()):
        other = first.setdefault(vector.numpy().tobytes(), index)
        if _key(targets[other]) != _key(targets[index]):
            yield (
                f"examples {other} and {index} are the same to this classifier, "
                f"but one is {' + '.join(_key(targets[other]))} and the other {' + '.join(_key(targets[index]))}."
            )


def _about_swallowing(measured: _Measured) -> Iterator[str]:
    """An old label that most of its examples, or of the anchors that were taken for it, leave for a new label."""
    names, num_old = measured.names, measured.num_old
    examples = measured.truth & measured.before
    for what, mine, after in (
        ("examples", examples, measured.after),
        ("made-up instances", measured.anchors_before, measured.anchors_after),
    ):
        for column in range(num_old):
            gone = after[mine[:, column], num_old:] & ~after[mine[:, column], column : column + 1]
            if len(gone) >= FEW_TO_JUDGE and gone.any(dim=1).double().mean() > THRESHOLD:
                [(taker, _)] = Counter(gone.int().argmax(dim=1)[gone.any(dim=1)].tolist()).most_common(1)
                yield f"{names[num_old + taker]!r} takes most {what} of {names[column]!r}."


FEW_TO_JUDGE = 3
