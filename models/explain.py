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
from models.explain_methods import NOTHING, Method, Objective, Probe
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
    device = next(head.parameters()).device
    width = max(map(len, probes))
    # As many for each instance; what is there for that alone weighs nothing.
    probes = [[*one, *[NOTHING] * (width - len(one))] for one in probes]
    owner = torch.arange(batch.size, device=device).repeat_interleave(width)
    expanded = explainable.rows(batch, owner)
    wanted = torch.tensor(targets, device=device)[owner]
    if method.name == "occlusion":
        lost = _lost(explainable, head, expanded, along, owner, probes, wanted)
        return [[one.sum(dim=0).cpu() for one in parts] for parts in zip(*lost, strict=True)]
    weights = along.embedded[0].new_tensor([[probe.weight for probe in one] for one in probes])  # (batch, probes)
    points, leaves = zip(*_points(method, along, weights, probes), strict=True)
    slopes = _slopes(method, explainable, head, expanded, along, Probed(points, leaves, owner, wanted, weights))
    if method.factor == "sign":
        found = [_strengths(one, weights) for one in slopes]
    else:
        found = [attributed(method, *one) for one in zip(slopes, *along, strict=True)]
    return [[one[instance] for one in found] for instance in range(batch.size)]


class Probed(NamedTuple):
    """Where the probes look, input by input: (batch * probes, [texts,] tokens, dim); what gradients go to; and of each
    probe its instance and its target (batch * probes,) and its weight (batch, probes)."""

    points: Embedded
    leaves: Embedded
    owner: Tensor
    targets: Tensor
    weights: Tensor


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
    method: Method, explainable: Explainable, head: nn.Module, batch: Batch, along: Path, probed: Probed
) -> Sequence[Tensor]:
    """The gradient at each input's leaf, of its shape."""
    if not method.one_at_a_time:
        return _gradient(method, explainable, head, batch, probed.points, probed.leaves, probed)
    found: list[Tensor] = []
    for number, (point, leaf) in enumerate(zip(probed.points, probed.leaves, strict=True)):
        others = [whole[probed.owner] for whole in along.embedded]
        moved = [*others[:number], point, *others[number + 1 :]]
        found += _gradient(method, explainable, head, batch, moved, [leaf], probed)
    return found


def _gradient(
    method: Method,
    explainable: Explainable,
    head: nn.Module,
    batch: Batch,
    points: Embedded,
    leaves: Embedded,
    probed: Probed,
) -> Sequence[Tensor]:
    mode = nullcontext() if method.name in UNIFORM else explainable.original_gradients()
    # cuDNN's recurrent layers have gradients in training mode only; ours and torch's have them always.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False), mode:
        vectors = explainable.encode(batch, points)
        values = objective_of(method.objective, explainable, head, vectors, probed.targets)
        if method.factor != "sign":
            values = values * probed.weights.flatten()
        return torch.autograd.grad(values.sum(), leaves)


def _lost(
    explainable: Explainable,
    head: nn.Module,
    batch: Batch,
    along: Path,
    owner: Tensor,
    probes: Sequence[Sequence[Probe]],
    targets: Tensor,
) -> list[Sequence[Tensor]]:
    """The score that goes with the token at each probe's place, zero elsewhere: for each input and instance (probes,
    [texts,] tokens)."""
    embedded = [whole[owner] for whole in along.embedded]
    without = [tensor.clone() for tensor in embedded]
    found = [torch.zeros(tensor.shape[:-1], device=tensor.device) for tensor in embedded]
    owners, flat = owner.tolist(), list(chain.from_iterable(probes))
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
    return [one.split([len(own) for own in probes]) for one in found]


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
    noise = numpy.stack([
        [
            numpy.random.default_rng((number, text, probe.sample or 0)).standard_normal(texts.shape[2:], numpy.float32)
            for text in range(texts.size(1))
        ]
        for probe in probes
    ])  # fmt: skip
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
