"""Explain: featurize, find the ends, sum the slices, answer. HTTP and `vitrine explain` both call this."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from app.answers import truncation
from app.batch import Shape, volume
from app.errors import InvalidInstances, InvalidParameters, Refusal
from app.explain_answer import NOT_COMPARABLE, Explained, Level, explanation, is_duplicate_detector
from app.explain_work import Ends, ExplainWork, ExplainWorks, Slice
from app.served import ServedModel
from app.slice_gate import SliceGate
from models.classifier import Features
from models.errors import InvalidInstance
from models.explain import Method, Norm, Probe
from models.explainable import UNIFORM, Tokenization
from models.explanations import method_for, methods_of

AUTO_STEPS = 25
"""Where "auto" begins to double."""
AUTO_TOLERANCE = 0.05
"""Where it stops: |delta| over the score's difference from the baseline's."""
FEW_TOKENS = 200
"""So few are found in the caller's text in a millisecond, less than a thread may have to wait for the interpreter."""

Evaluate = Callable[[Any, Sequence[Any], Sequence[Shape]], Awaitable[list[Any]]]
"""Runs payloads of a work; one row each, which may be an exception."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """`target`: a label, "all", or None for the predicted one. None elsewhere is the method's default."""

    method: str = "integrated_gradients"
    target: str | None = None
    n_steps: int | Literal["auto"] | None = None
    baseline: str | None = None
    normalize: Norm = "none"
    level: Level = "token"
    truncate: bool = True


@dataclass(frozen=True)
class Plan:
    """Options that have been held against the classifier."""

    work: ExplainWork
    options: ExplainOptions
    max_steps: int

    @property
    def method(self) -> Method:
        return self.work.method


def plan(works: ExplainWorks, served: ServedModel, options: ExplainOptions, max_steps: int) -> Plan:
    """Raises InvalidParameters, which says what is accepted."""
    methods = methods_of(served.classifier)
    if not methods:
        raise InvalidParameters(f"{served.name} cannot be explained: its embeddings cannot be reached.")
    if options.method not in methods:
        raise InvalidParameters(
            f"parameters.method {options.method!r} does not explain {served.name}. Accepted: {', '.join(methods)}."
        )
    method = method_for(served.classifier, options.method)
    _check_steps(method, options, max_steps)
    work = works.of(served, method, method.baseline or options.baseline or "pad")
    accepted = work.explainable.baselines if method.baseline is None else ()
    if options.baseline and options.baseline not in accepted:
        choices = f"Accepted: {', '.join(accepted)}." if accepted else f"{options.method} takes none."
        raise InvalidParameters(f"parameters.baseline {options.baseline!r} does not go with this. {choices}")
    labels = served.label_set.labels
    if options.target is not None and options.target not in (*labels, "all"):
        raise InvalidParameters(
            f"parameters.target {options.target!r} is no label. Accepted: all, {', '.join(labels)}."
        )
    return Plan(work, options, max_steps)


def _check_steps(method: Method, options: ExplainOptions, max_steps: int) -> None:
    steps = options.n_steps
    if steps is None:
        return
    if method.steps is None:
        raise InvalidParameters(f"parameters.n_steps: {options.method} has no choice of steps. Leave it out.")
    if steps == "auto" and not method.complete:
        raise InvalidParameters("parameters.n_steps: only integrated_gradients can tell how many steps are enough.")
    if steps != "auto" and not 1 <= steps <= max_steps:
        raise InvalidParameters(f"parameters.n_steps must be from 1 to {max_steps}, or 'auto'.")


async def explain(
    planned: Plan, instances: Sequence[Any], features: Sequence[Features], evaluate: Evaluate, gate: SliceGate
) -> list[dict[str, Any]]:
    """An explanation for each instance and target, in order.

    Raises InvalidInstances with every instance that is refused, and what the classifier raised where it failed.
    """
    work = planned.work
    if sum(volume(one.shape) for one in features) <= FEW_TOKENS:
        tokenizations = _tokenizations(work, instances, features)
    else:
        tokenizations = await asyncio.to_thread(_tokenizations, work, instances, features)
    all_ends: list[Ends] = _checked(await evaluate(work.ends, features, [one.shape for one in features]))
    jobs = [
        _explain_one(planned, index, features[index], tokenizations[index], one_ends, target, evaluate, gate)
        for index, one_ends in enumerate(all_ends)
        for target in _targets(work.served, one_ends, planned.options.target)
    ]
    return await _all_of(jobs)


def _tokenizations(work: ExplainWork, instances: Sequence[Any], features: Sequence[Features]) -> list[Tokenization]:
    found: list[Tokenization] = []
    refusals = []
    for index, (instance, one) in enumerate(zip(instances, features, strict=True)):
        try:
            tokenization = work.explainable.tokenization(instance, one)
        except InvalidInstance as error:
            refusals.append(Refusal(index, error.message, error.field))
            continue
        # The originals explain their added tokens even where there is nothing else.
        if not tokenization.holds_text and (work.method.name in UNIFORM or not tokenization.tokens):
            refusals.append(Refusal(index, "It has no tokens to explain. Send a text with at least one word."))
        found.append(tokenization)
    if refusals:
        raise InvalidInstances(refusals)
    return found


def _checked(rows: Sequence[Any]) -> list[Any]:
    """The rows, where none is an exception."""
    failures = {index: row for index, row in enumerate(rows) if isinstance(row, Exception)}
    refused = {index: row for index, row in failures.items() if isinstance(row, InvalidInstance)}
    if refused:
        raise InvalidInstances([Refusal(index, row.message, row.field) for index, row in refused.items()])
    for failure in failures.values():
        raise failure
    return list(rows)


def _targets(served: ServedModel, one: Ends, target: str | None) -> Sequence[int]:
    labels = served.label_set.labels
    if target in labels:
        return [labels.index(target)]
    return range(len(labels)) if target == "all" else [max(range(len(labels)), key=one.logits.__getitem__)]


async def _explain_one(
    planned: Plan,
    index: int,
    features: Features,
    tokenization: Tokenization,
    one_ends: Ends,
    target: int,
    evaluate: Evaluate,
    gate: SliceGate,
) -> dict[str, Any]:
    method, options, work = planned.method, planned.options, planned.work
    difference = one_ends.scores[target] - one_ends.baseline_scores[target]
    automatic = options.n_steps == "auto"
    steps = method.fixed_steps or method.steps
    if options.n_steps is not None:
        steps = min(AUTO_STEPS, planned.max_steps) if options.n_steps == "auto" else options.n_steps
    while True:
        if method.name == "occlusion":
            probes: Sequence[Probe] = [Probe(place=(one.input, *one.position)) for one in tokenization.tokens]
        else:
            probes = method.probes(steps or 1)
        sums = await _sum(work, features, target, probes, evaluate, gate)
        values = [float(sums[token.input][token.position]) for token in tokenization.tokens]
        delta = difference - math.fsum(values) if method.complete else None
        delta = delta if delta is not None and math.isfinite(delta) else None
        if not automatic or steps is None or steps >= planned.max_steps:
            break
        if delta is None or abs(delta) <= AUTO_TOLERANCE * abs(difference):
            break
        steps = min(2 * steps, planned.max_steps)
    warnings = [*features.warnings, *map(truncation, features.truncated)]
    if method.name == "biome_pair" and not is_duplicate_detector(work.served.label_set.labels):
        warnings.append(NOT_COMPARABLE)
    explained = Explained(
        index, work.served.label_set.labels[target], one_ends.scores[target], options.method, steps, delta, warnings
    )
    return explanation(explained, method, tokenization, values, options.normalize, options.level)


async def _sum(
    work: ExplainWork,
    features: Features,
    target: int,
    probes: Sequence[Probe],
    evaluate: Evaluate,
    gate: SliceGate,
) -> list[Tensor]:
    """What all probes add up to: one tensor per input. They are run in slices that predictions can run between."""
    seconds = volume(features.shape) * work.pace.seconds_per_token
    size = max(1, int(gate.slice_s / max(seconds, 1e-9)))
    size = -(-len(probes) // -(-len(probes) // size))
    slices = [Slice(features, target, probes[first : first + size]) for first in range(0, len(probes), size)]

    async def run(one: Slice) -> list[Tensor]:
        async with gate.hold(seconds * len(one.probes)):
            rows: list[list[Tensor]] = _checked(await evaluate(work, [one], [one.shape]))
            return rows[0]

    parts = await _all_of([run(one) for one in slices])
    return [_added(tensors) for tensors in zip(*parts, strict=True)]


def _added(tensors: Sequence[Tensor]) -> Tensor:
    """Padding differs from batch to batch; what stands there is not asked for."""
    shape = [min(sizes) for sizes in zip(*(tensor.shape for tensor in tensors), strict=True)]
    return torch.stack([tensor[tuple(slice(0, size) for size in shape)] for tensor in tensors]).sum(dim=0)


async def _all_of(jobs: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Every result in order; the first failure ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    return [task.result() for task in tasks]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
