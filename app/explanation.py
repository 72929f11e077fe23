"""Explain: featurize, find the ends, sum the slices, answer. HTTP and `vitrine explain` both call this."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import Any, Literal

from torch import Tensor

from app.answers import truncation
from app.batch import volume
from app.errors import InvalidInstances, InvalidParameters, Refusal
from app.explain_answer import NOT_COMPARABLE, Explained, Level, explanation, is_duplicate_detector
from app.explain_slices import Evaluate, Slicer, all_ends, all_of, all_wholes, checked
from app.explain_work import ExplainWork, ExplainWorks
from app.served import ServedModel
from app.slice_gate import SliceGate
from app.sliced_work import InstanceEnds
from models.classifier import Features
from models.curve import Curve
from models.errors import InvalidInstance
from models.explain_methods import Method, Norm, Probe
from models.explainable import UNIFORM, Tokenization
from models.explanations import method_for, methods_of

AUTO_STEPS = 25
"""Where "auto" begins to double."""
AUTO_TOLERANCE = 0.05
"""Where it stops: |delta| over the score's difference from the baseline's."""
FEW_TOKENS = 200
"""So few are found in the caller's text in a millisecond, less than a thread may have to wait for the interpreter."""


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

    @property
    def first_steps(self) -> int | None:
        """None where there is nothing to count."""
        if self.options.n_steps == "auto":
            return min(AUTO_STEPS, self.max_steps)
        return self.options.n_steps or self.method.fixed_steps or self.method.steps

    @property
    def labels(self) -> Sequence[str]:
        return self.work.served.label_set.labels

    @property
    def target(self) -> int | None:
        """None where no label is named."""
        return self.labels.index(self.options.target) if self.options.target in self.labels else None

    @property
    def every_label(self) -> bool:
        return self.options.target == "all" and self.target is None

    def targets(self, its_ends: InstanceEnds) -> Sequence[int]:
        if self.every_label:
            return range(len(self.labels))
        return [its_ends.predicted if self.target is None else self.target]

    def probes(self, steps: int | None, tokenization: Tokenization) -> Sequence[Probe]:
        if self.method.name == "occlusion":
            return [Probe(place=(one.input, *one.position)) for one in tokenization.tokens]
        return self.method.probes(steps or 1)

    @property
    def curved(self) -> bool:
        """Whether a curve may spare it some of its steps."""
        return self.method.curved and self.work.explainable.smooth


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
    slicers = [Slicer(work, one, evaluate, gate) for one in features]
    found = await _first_told(planned, features, tokenizations, slicers, evaluate, gate)
    jobs = [
        _explain_instance(planned, index, *of_instance)
        for index, of_instance in enumerate(zip(features, tokenizations, found, slicers, strict=True))
    ]
    return [one for answers in await all_of(jobs) for one in answers]


async def _first_told(
    planned: Plan,
    features: Sequence[Features],
    tokenizations: Sequence[Tokenization],
    slicers: Sequence[Slicer],
    evaluate: Evaluate,
    gate: SliceGate,
) -> list[InstanceEnds]:
    """The ends of each, with as much of the way between as can be had with them."""
    work = planned.work
    probes = [planned.probes(planned.first_steps, one) for one in tokenizations]
    asked = list(zip(slicers, probes, strict=True))
    levels = [slicer.look_level(len(own)) for slicer, own in asked if planned.curved]
    looked_at = [level for level in levels if level is not None]
    if len(looked_at) == len(asked):
        if not planned.every_label and all(slicer.may_go_along for slicer in slicers):
            return checked(await all_of([slicer.whole_along(planned.target, own) for slicer, own in asked]))
        return await all_ends(work.curved_ends[min(looked_at)], features, evaluate, gate)
    if not planned.every_label:
        wholes = await all_wholes(asked, planned.target, gate)
        if wholes is not None:
            return wholes
    return await all_ends(work.ends, features, evaluate, gate)


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


async def _explain_instance(
    planned: Plan, index: int, features: Features, tokenization: Tokenization, its_ends: InstanceEnds, slicer: Slicer
) -> list[dict[str, Any]]:
    """One for each target."""
    curve = await slicer.smooth(its_ends.curve) if its_ends.curve else None
    warnings = [*features.warnings, *map(truncation, features.truncated)]
    if planned.method.name == "biome_pair" and not is_duplicate_detector(planned.labels):
        warnings.append(NOT_COMPARABLE)

    async def explain_target(target: int) -> dict[str, Any]:
        values, steps, delta = await _attributed(planned, tokenization, its_ends, curve, target, slicer)
        options, score = planned.options, its_ends.scores[target]
        explained = Explained(index, planned.labels[target], score, options.method, steps, delta, warnings)
        return explanation(explained, planned.method, tokenization, values, options.normalize, options.level)

    return await all_of([explain_target(target) for target in planned.targets(its_ends)])


async def _attributed(
    planned: Plan, tokenization: Tokenization, its_ends: InstanceEnds, curve: Curve | None, target: int, slicer: Slicer
) -> tuple[list[float], int | None, float | None]:
    """A number for each token, the steps that gave it, and the delta."""
    method, steps = planned.method, planned.first_steps
    difference = its_ends.scores[target] - its_ends.baseline_scores[target]
    sums = its_ends.sums
    while True:
        if sums is None:
            sums = await slicer.sum(target, planned.probes(steps, tokenization), curve)
        values = _of_tokens(tokenization, sums)
        delta = difference - math.fsum(values) if method.complete else None
        delta = delta if delta is not None and math.isfinite(delta) else None
        if planned.options.n_steps != "auto" or steps is None or steps >= planned.max_steps:
            break
        if delta is None or abs(delta) <= AUTO_TOLERANCE * abs(difference):
            break
        steps, sums = min(2 * steps, planned.max_steps), None
    return values, steps, delta


def _of_tokens(tokenization: Tokenization, sums: Sequence[Tensor]) -> list[float]:
    """A number for each token, from one tensor ([texts,] tokens) for each input."""
    numbers: Any = [one.tolist() for one in sums]
    return [reduce(getitem, token.position, numbers[token.input]) for token in tokenization.tokens]
