"""What a caller reads of an explanation: attributions by token, word or field, normalized, as JSON-ready data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from models.explain_methods import Method, Norm
from models.explainable import InputToken, Tokenization
from models.normalization import normalized

Level = Literal["token", "word", "field"]

NOT_A_NUMBER = "Nothing tells the attributions apart from zero, so all of them are zero."
NO_ANSWER_ON_THE_WAY = (
    "The model has no answer somewhere between the baseline and the instance; what cannot be attributed is zero."
)
NOT_COMPARABLE = (
    "This method goes from one record to the other, which says little where the labels are not duplicate and "
    "not_duplicate."
)


def is_duplicate_detector(labels: Sequence[str]) -> bool:
    named = {label.lower().replace("_", " ").replace("-", " ") for label in labels}
    return named == {"duplicate", "not duplicate"}


@dataclass(frozen=True)
class Explained:
    """What an explanation is of, and how it was made."""

    instance: int
    target: str
    score: float
    method: str
    n_steps: int | None
    delta: float | None
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class Part:
    """A token, word or field with its attribution."""

    token: InputToken
    attribution: float


def explanation(
    explained: Explained, method: Method, tokenization: Tokenization, values: Sequence[float], norm: Norm, level: Level
) -> dict[str, Any]:
    """`values` holds a number for each token."""
    warnings = list(explained.warnings)
    if not all(map(math.isfinite, values)):
        warnings.append(NO_ANSWER_ON_THE_WAY)
        values = [value if math.isfinite(value) else 0.0 for value in values]
    numbers = [abs(value) if method.absolute else value for value in values]
    parts = [Part(token, number) for token, number in zip(tokenization.tokens, numbers, strict=True)]
    if method.normalized != "none":
        key: Callable[[Part], int] = (lambda part: part.token.input) if method.per_input else (lambda part: 0)
        groups = [list(group) for _, group in groupby(parts, key=key)]
        parts = [part for group in groups for part in _normalized(group, method.normalized)]
    parts = _normalized(LEVELS[level](parts, tokenization), norm)
    if not any(part.attribution for part in parts):
        warnings.append(NOT_A_NUMBER)
    return {
        "instance": explained.instance,
        "target": explained.target,
        "score": explained.score,
        "method": explained.method,
        "n_steps": explained.n_steps,
        "delta": explained.delta,
        "attributions": [_written(part) for part in parts],
        "warnings": warnings,
    }


def _normalized(parts: Sequence[Part], norm: Norm) -> list[Part]:
    numbers = normalized([part.attribution for part in parts], norm)
    return [Part(part.token, number) for part, number in zip(parts, numbers, strict=True)]


def _tokens(parts: Sequence[Part], tokenization: Tokenization) -> list[Part]:
    return list(parts)


def _words(parts: Sequence[Part], tokenization: Tokenization) -> list[Part]:
    """Tokens that meet inside a word of the caller's own text are one."""
    return [_merged(group, tokenization) for group in _runs(parts, tokenization)]


def _runs(parts: Sequence[Part], tokenization: Tokenization) -> Iterator[list[Part]]:
    run: list[Part] = []
    for part in parts:
        if run and not _one_word(run[-1].token, part.token, tokenization.sources):
            yield run
            run = []
        run.append(part)
    if run:
        yield run


def _one_word(left: InputToken, right: InputToken, sources: Any) -> bool:
    if (
        left.field != right.field
        or left.end is None
        or right.start is None
        or left.position[:-1] != right.position[:-1]
    ):
        return False
    if right.start < left.end:
        return True
    around = sources[left.field][left.end - 1 : right.start + 1]
    return left.end == right.start and around.replace("_", "a").isalnum()


def _merged(group: Sequence[Part], tokenization: Tokenization) -> Part:
    first, last = group[0].token, group[-1].token
    total = math.fsum(part.attribution for part in group)
    if first.start is None or last.end is None:
        return Part(first, total)
    text = tokenization.sources[first.field][first.start : last.end]
    return Part(InputToken(first.input, first.position, text, first.field, first.start, last.end), total)


def _fields(parts: Sequence[Part], tokenization: Tokenization) -> list[Part]:
    """All tokens of one value; those that the classifier added count for the input as a whole."""
    totals: dict[tuple[int, str], float] = {}
    for part in parts:
        key = (part.token.input, part.token.field)
        totals[key] = totals.get(key, 0.0) + part.attribution
    merged = []
    for (number, name), total in totals.items():
        source = tokenization.sources.get(name)
        span = (None, None) if source is None else (0, len(source))
        merged.append(Part(InputToken(number, (), source or "", name, *span), total))
    return merged


LEVELS: dict[Level, Callable[[Sequence[Part], Tokenization], list[Part]]] = {
    "token": _tokens,
    "word": _words,
    "field": _fields,
}


def _written(part: Part) -> dict[str, Any]:
    token = part.token
    return {
        "text": token.text,
        "start": token.start,
        "end": token.end,
        "field": token.field,
        "attribution": part.attribution,
    }
