"""How the cores had better share what there is to compute, by trial when a model is loaded.

torch divides one operation among threads, which in most classifiers wait for each other longer than they work. Batches
side by side, each on one thread, wait for nobody, but each of them costs what a batch costs whatever is in it. Which is
best depends on the model and on the number of instances.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple

from app.spreading import ONE_THREAD, Spread, Spreading


class Trial(NamedTuple):
    """Payloads of batches that are to run at the same time, each by the spread."""

    parts: Sequence[Sequence[Any]]
    spread: Spread


Trials = Generator[Trial, float, Spreading]
"""Is sent the seconds that each trial took."""


def trials(cores: int, payload: Any, tokens: int) -> Trials:
    """For so many cores the best spreads of a payload alone and of batches of its copies."""
    if cores == 1:
        return Spreading()
    alone, _ = yield from _best(cores, [payload])
    batches: dict[float, Spread] = {}
    token_s = 0.0
    for size in MEASURED_SIZES:
        best, seconds = yield from _best(cores, [payload] * size)
        in_all = size * max(1, tokens)
        batches[in_all], token_s = best, seconds / in_all
        if seconds > LONG_S or best.parts == cores:
            break  # it will be the same for more
    return Spreading(alone, batches, token_s)


def _best(cores: int, payloads: Sequence[Any]) -> Generator[Trial, float, tuple[Spread, float]]:
    """The best spread, and the seconds of one thread. They take turns: what else happens harms all alike."""
    times = dict.fromkeys(_candidates(cores, len(payloads)), math.inf)
    spent = 0.0
    for turn in range(MOST_TURNS):
        for spread in times:
            seconds = yield Trial([payloads[part :: spread.parts] for part in range(spread.parts)], spread)
            times[spread] = min(times[spread], seconds)
            spent += seconds
        if turn + 1 >= LEAST_TURNS and (spent > MEASURING_S or _is_clear(times)):
            break
    best, single = min(times, key=times.__getitem__), times[ONE_THREAD]
    return best if times[best] < WORTH_WHILE * single else ONE_THREAD, single


def _candidates(cores: int, size: int) -> list[Spread]:
    numbers = sorted({*(2**power for power in range(cores.bit_length())), cores})
    if size == 1:
        return [Spread(1, threads) for threads in numbers]
    return [Spread(parts, cores // parts if parts > 1 else 1) for parts in numbers if parts <= size]


def _is_clear(times: Mapping[Spread, float]) -> bool:
    """Whether more threads help, or do not, by so much that another turn would hardly say otherwise."""
    others = min((seconds for spread, seconds in times.items() if spread != ONE_THREAD), default=math.inf)
    least, most = CLOSE
    return not least < others / times[ONE_THREAD] < most


MEASURED_SIZES = (8, 64, 256)
LEAST_TURNS, MOST_TURNS, MEASURING_S = 3, 7, 0.1
"""As many as fit in the time; the shortest counts. One unlucky choice would hold until the model is loaded again."""
WORTH_WHILE = 0.8
"""The share of one thread's time that other threads have to bring it down to: they keep others from their core."""
CLOSE = 0.7, 1.2
"""Shares of one thread's time between which it is measured on."""
LONG_S = 0.01
