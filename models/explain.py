"""Attributions: how much each token of an instance speaks for a label, by the methods of models/explain_methods.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import NamedTuple

import numpy
import torch
from torch import Tensor, nn

from models.classifier import Batch, probabilities
from models.explain_methods import AT_BLANK, NOTHING, Method, Objective, Probe
from models.explainable import UNIFORM, Embedded, Explainable
from models.line import Line

NOISE_LEVEL = 0.15
"""Standard deviation of the noise over the range of a token's embedding: the middle of what its authors advise."""


class Path(NamedTuple):
    """Where explanations of a batch start and end: its baseline and its embeddings."""

    blank: Embedded
    embedded: Embedded


@torch.no_grad()
def path(explainable: Explainable, batch: Batch, baseline: str) -> Path:
    embedded = explainable.embed(batch)
    return Path(explainable.blank(batch, embedded, baseline), embedded)


def gradients(
    method: Method,
    explainable: Explainable,
    head: nn.Module,
    batch: Batch,
    along: Path,
    probes: Sequence[Sequence[Probe]],
    targets: Sequence[int],
) -> list[list[Tensor]]:
    """What the probes of each instance add up to: one CPU tensor ([texts,] tokens) for each of its inputs.

    `along` is the batch's own; `head` scores the vectors; `targets` holds a label index for each instance.
    """
    probed = _probed(method, along, probes)
    expanded = explainable.rows(batch, probed.owner)
    wanted = torch.tensor(targets, device=probed.owner.device)[probed.owner]
    if method.name == "occlusion":
        lost = _lost(explainable, head, expanded, along, probed, wanted)
        return [[one.sum(dim=0).cpu() for one in parts] for parts in zip(*lost, strict=True)]
    return _sums(method, along, probed, _slopes(method, explainable, head, expanded, along, probed, wanted))


def gradients_and_ends(
    method: Method,
    explainable: Explainable,
    head: nn.Module,
    batch: Batch,
    along: Path,
    probes: Sequence[Sequence[Probe]],
    targets: Sequence[int | None],
) -> tuple[list[list[Tensor]], Ends]:
    """`gradients`, for the predicted label where no target is named, and `ends`; where a method looks at the classifier
    as it predicts, the ends are points among the others."""
    if method.name not in UNIFORM or method.name == "occlusion":
        both = ends(explainable, head, batch, along)
        return gradients(method, explainable, head, batch, along, probes, or_predicted(targets, both)), both
    probed = _probed(method, along, [(AT_BLANK, NOTHING, *own) for own in probes])
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        vectors = explainable.encode(explainable.rows(batch, probed.owner), probed.points)
        # (batch * probes, dim) -> (batch, probes, dim)
        seen = vectors.detach().unflatten(0, probed.weights.shape)
        both = ends_of(explainable, head, seen[:, 1], seen[:, 0])
        wanted = torch.tensor(or_predicted(targets, both), device=vectors.device)[probed.owner]
        slopes = _differentiated(method, explainable, head, vectors, probed, probed.leaves, wanted)
    return _sums(method, along, probed, slopes), both


def or_predicted(targets: Sequence[int | None], both: Ends) -> list[int]:
    """The targets, the predicted label where none is named."""
    predicted: list[int] = both.logits.argmax(dim=1).tolist()
    return [best if target is None else target for target, best in zip(targets, predicted, strict=True)]


class Probed(NamedTuple):
    """Where the probes look, input by input: (batch * probes, [texts,] tokens, dim); what gradients go to; and of each
    probe its instance (batch * probes,) and its weight (batch, probes), with as many for each instance."""

    probes: Sequence[Sequence[Probe]]
    points: Embedded
    leaves: Embedded
    owner: Tensor
    weights: Tensor


def _probed(method: Method, along: Path, probes: Sequence[Sequence[Probe]]) -> Probed:
    first, width = along.embedded[0], max(map(len, probes))
    # What is there for others' width alone weighs nothing.
    probes = [[*one, *[NOTHING] * (width - len(one))] for one in probes]
    weights = first.new_tensor([[probe.weight for probe in one] for one in probes])  # (batch, probes)
    owner = torch.arange(len(probes), device=first.device).repeat_interleave(width)
    points, leaves = zip(*_points(method, along, weights, probes), strict=True)
    return Probed(probes, points, leaves, owner, weights)


def _sums(method: Method, along: Path, probed: Probed, slopes: Sequence[Tensor]) -> list[list[Tensor]]:
    """What the slopes at each input's leaf come to, by instance and input."""
    if method.factor == "sign":
        found = [_strengths(one, probed.weights) for one in slopes]
    else:
        found = [attributed(method, *one) for one in zip(slopes, *along, strict=True)]
    return [[one[instance] for one in found] for instance in range(len(probed.weights))]


def _points(
    method: Method, along: Path, weights: Tensor, probes: Sequence[Sequence[Probe]]
) -> Iterator[tuple[Tensor, Tensor]]:
    """The points of each input with the leaf that they are made of.

    Slopes that are to be added up have one leaf for all points of an instance, a move that all make together: its
    gradient is their sum. Where each one's sign is wanted first, the points are the leaves.
    """
    alphas = weights.new_tensor([[probe.alpha for probe in one] for one in probes])
    for number, (blank, whole) in enumerate(zip(*along, strict=True)):
        start = blank.detach().clone().requires_grad_(method.factor != "sign")
        points = Line(start, whole - blank, alphas).points()
        if method.factor == "sign":
            flat = list(chain.from_iterable(probes))
            blurred = any(probe.sample is not None for probe in flat)
            points = points + _noise(number, points, flat) if blurred else points.clone()
            yield points, points.requires_grad_(True)
        else:
            yield points, start


def _strengths(slopes: Tensor, weights: Tensor) -> Tensor:
    """What the slopes of an input's probes (batch * probes, [texts,] tokens, dim), whatever their signs, add up to:
    (batch, [texts,] tokens), on the CPU."""
    # (batch * probes, [texts,] tokens) -> (batch, probes, [texts,] tokens)
    strengths = slopes.abs().sum(dim=-1).unflatten(0, weights.shape)
    return torch.einsum("bp,bp...->b...", weights, strengths).double().cpu()


def attributed(method: Method, slopes: Tensor, blank: Tensor, whole: Tensor) -> Tensor:
    """What the slopes of an input (batch, [texts,] tokens, dim) come to: (batch, [texts,] tokens), on the CPU."""
    factor = whole - blank if method.factor == "path" else whole
    return (slopes * factor).sum(dim=-1).double().cpu()


def _slopes(
    method: Method,
    explainable: Explainable,
    head: nn.Module,
    batch: Batch,
    along: Path,
    probed: Probed,
    targets: Tensor,
) -> Sequence[Tensor]:
    """The gradient at each input's leaf, of its shape; `targets` (batch * probes,)."""

    def gradient(points: Embedded, leaves: Embedded) -> Sequence[Tensor]:
        mode = nullcontext() if method.name in UNIFORM else explainable.original_gradients()
        # cuDNN's recurrent layers have gradients in training mode only; ours and torch's have them always.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False), mode:
            vectors = explainable.encode(batch, points)
            return _differentiated(method, explainable, head, vectors, probed, leaves, targets)

    if not method.one_at_a_time:
        return gradient(probed.points, probed.leaves)
    found: list[Tensor] = []
    for number, (point, leaf) in enumerate(zip(probed.points, probed.leaves, strict=True)):
        others = [whole[probed.owner] for whole in along.embedded]
        found += gradient([*others[:number], point, *others[number + 1 :]], [leaf])
    return found


def _differentiated(
    method: Method,
    explainable: Explainable,
    head: nn.Module,
    vectors: Tensor,
    probed: Probed,
    leaves: Embedded,
    targets: Tensor,
) -> Sequence[Tensor]:
    """Of what the vectors (batch * probes, dim) score for the targets (batch * probes,): the gradient at each leaf."""
    values = objective_of(method.objective, explainable, head, vectors, targets)
    if method.factor != "sign":
        values = values * probed.weights.flatten()
    return torch.autograd.grad(values.sum(), leaves)


def _lost(
    explainable: Explainable,
    head: nn.Module,
    batch: Batch,
    along: Path,
    probed: Probed,
    targets: Tensor,
) -> list[Sequence[Tensor]]:
    """The score that goes with the token at each probe's place, zero elsewhere: for each input and instance (probes,
    [texts,] tokens)."""
    embedded = [points.detach() for points in probed.points]
    without = [tensor.clone() for tensor in embedded]
    found = [torch.zeros(tensor.shape[:-1], device=tensor.device) for tensor in embedded]
    owners, flat = probed.owner.tolist(), list(chain.from_iterable(probed.probes))
    places = [(row, *probe.place) for row, probe in enumerate(flat) if probe.place]
    for row, number, *position in places:
        without[number][row, *position] = along.blank[number][owners[row], *position]
    with torch.no_grad():
        scores, others = (
            objective_of("score", explainable, head, explainable.encode(batch, points), targets)
            for points in (embedded, without)
        )
        lost = scores - others
    for row, number, *position in places:
        found[number][row, *position] = lost[row]
    return [one.split([len(own) for own in probed.probes]) for one in found]


def objective_of(
    objective: Objective, explainable: Explainable, head: nn.Module, vectors: Tensor, targets: Tensor
) -> Tensor:
    """What is explained: (rows, dim), (rows,) label indices -> (rows,)."""
    logits = head(vectors)
    if objective == "loss":
        return explainable.loss(vectors, logits, targets)
    values = logits if objective == "logit" else probabilities(logits, explainable.classifier.multilabel)
    return values.gather(1, targets.unsqueeze(1)).squeeze(1)


def _noise(number: int, points: Tensor, probes: Sequence[Probe]) -> Tensor:
    """The same for a sample of an input whatever its batch: each text is filled token by token from a seed."""
    texts = points.flatten(1, -3) if points.dim() > 3 else points.unsqueeze(1)  # (rows, texts, tokens, dim)
    noise = numpy.zeros(texts.shape, numpy.float32)
    for row, probe in enumerate(probes):
        if probe.sample is not None:
            for text, room in enumerate(noise[row]):
                room[:] = numpy.random.default_rng((number, text, probe.sample)).standard_normal(
                    room.shape, numpy.float32
                )
    # (rows, [texts,] tokens, 1): each token's own, so that neither padding nor neighbours matter
    spread = points.amax(dim=-1, keepdim=True) - points.amin(dim=-1, keepdim=True)
    return torch.from_numpy(noise).to(points.device).view(points.shape) * spread * NOISE_LEVEL


class Ends(NamedTuple):
    """Scores and logits at the embeddings, and scores at the baseline: (batch, labels) each."""

    scores: Tensor
    logits: Tensor
    baseline_scores: Tensor


@torch.no_grad()
def ends(explainable: Explainable, head: nn.Module, batch: Batch, along: Path) -> Ends:
    twice = torch.arange(batch.size, device=along.embedded[0].device).repeat(2)
    both = [torch.cat(ends) for ends in zip(along.embedded, along.blank, strict=True)]
    return ends_of(explainable, head, *explainable.encode(explainable.rows(batch, twice), both).chunk(2))


@torch.no_grad()
def ends_of(explainable: Explainable, head: nn.Module, vectors: Tensor, baseline_vectors: Tensor) -> Ends:
    """Twice (batch, dim)."""
    logits, baseline_logits = head(torch.cat([vectors, baseline_vectors])).float().chunk(2)  # twice (batch, labels)
    multilabel = explainable.classifier.multilabel
    return Ends(probabilities(logits, multilabel), logits, probabilities(baseline_logits, multilabel))
