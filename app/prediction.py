"""Predict: featurize, batch, answer. Every HTTP surface and protocol calls this."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.answers import AnswerOptions, prediction
from app.batch import Priority
from app.errors import InvalidInstances, Refusal, RequestTooLarge
from app.served import ServedModel
from app.service import Service
from app.stages import stage
from models.classifier import Features, padded_tokens
from models.errors import InvalidInstance


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """`truncate`: cut what is too long, with a warning; False refuses it."""

    answer: AnswerOptions = field(default_factory=AnswerOptions)
    truncate: bool = True
    priority: Priority = Priority.INTERACTIVE


async def predict(
    service: Service, served: ServedModel, instances: Sequence[Any], options: PredictOptions
) -> list[dict[str, Any]]:
    """A prediction for each instance, in order.

    Raises InvalidInstances with every instance that is refused, RequestTooLarge, Overloaded, and what the
    classifier raised where it failed on an instance.
    """
    most = service.settings.max_instances_per_request
    if len(instances) > most:
        raise RequestTooLarge(f"{len(instances)} instances are too many for one request. Send at most {most}.")
    service.batcher.check_room(served.name, len(instances) + service.featurizer.pending_items(served.classifier))
    features = await featurize(service, served, instances, truncate=options.truncate)
    rows = await service.batcher.submit(served, features, [one.shape for one in features], options.priority)
    _raise_failures(rows)
    return [
        prediction(served.classifier, served.label_set, one, row, options.answer)
        for one, row in zip(features, rows, strict=True)
    ]


async def featurize(
    service: Service, served: ServedModel, instances: Sequence[Any], *, truncate: bool = True
) -> list[Features]:
    """Features of every instance, or InvalidInstances with all that are refused."""
    chars = _read_chars(instances, service.settings.max_instance_chars)
    started = time.perf_counter()
    with stage("featurize"):
        outcomes = await service.featurizer.featurize(served.classifier, instances, chars)
    service.metrics.observe_featurizing(served.name, time.perf_counter() - started)
    refusals: list[Refusal] = []
    features: list[Features] = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, InvalidInstance):
            refusals.append(Refusal(index, outcome.message, outcome.field))
        elif reason := _refusal(outcome, service.settings.max_instance_tokens, truncate=truncate):
            refusals.append(Refusal(index, reason))
        else:
            features.append(outcome)
    if refusals:
        raise InvalidInstances(refusals)
    return features


def _read_chars(instances: Sequence[Any], most: int) -> int:
    """The characters of all instances, or InvalidInstances with all that cannot be read."""
    refusals: list[Refusal] = []
    total = 0
    for index, instance in enumerate(instances):
        if not isinstance(instance, str | dict):
            refusals.append(Refusal(index, f"An instance is a string or an object, not {_json_type(instance)}."))
            continue
        try:
            chars = _chars(instance, MOST_LEVELS)
        except InvalidInstance as error:
            refusals.append(Refusal(index, error.message))
            continue
        if chars > most:
            reason = f"It has {chars} characters and this server reads {most}. Send a shorter text."
            refusals.append(Refusal(index, reason))
        total += chars
    if refusals:
        raise InvalidInstances(refusals)
    return total


def _chars(value: Any, levels: int) -> int:
    """Characters of all strings in a JSON value; everything else counts one, so that nothing is free."""
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, dict | list):
        return 1
    if not levels:
        raise InvalidInstance(f"It is nested deeper than {MOST_LEVELS} levels.")
    children = value.values() if isinstance(value, dict) else value
    names = sum(map(len, value)) if isinstance(value, dict) else 0
    return 1 + names + sum(_chars(child, levels - 1) for child in children)


MOST_LEVELS = 64


def _refusal(features: Features, most_tokens: int, *, truncate: bool) -> str | None:
    if features.truncated and not truncate:
        names = ", ".join(features.truncated)
        return f"Longer than the model reads: {names}. Send less, or let parameters.truncate cut it."
    tokens = padded_tokens([features.shape])
    if tokens > most_tokens:
        return f"It takes {tokens} tokens and this server allows {most_tokens}. Send a shorter text."
    return None


def _raise_failures(rows: Sequence[Any]) -> None:
    """InvalidInstances where any row is one, else the first failure."""
    failures = {index: row for index, row in enumerate(rows) if isinstance(row, Exception)}
    refusals = [
        Refusal(index, row.message, row.field) for index, row in failures.items() if isinstance(row, InvalidInstance)
    ]
    if refusals:
        raise InvalidInstances(refusals)
    for failure in failures.values():
        raise failure


def _json_type(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    return "a list" if isinstance(value, list) else "a number"
