"""The slices of an explanation: cut so that predictions can run in between, run, and added up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from app.batch import Shape, volume
from app.curve_work import CurvedEndsWork
from app.errors import InvalidInstances, Refusal
from app.explain_work import EndsWork, ExplainWork
from app.pace import LOOK
from app.slice_gate import SliceGate
from app.sliced_work import InstanceEnds, Probing, Slice, SlicedWork
from models.classifier import Features
from models.curve import FIRST_LEVEL, Curve, Stretch, coarser
from models.errors import InvalidInstance
from models.explain_methods import Probe

Evaluate = Callable[[Any, Sequence[Any], Sequence[Shape]], Awaitable[list[Any]]]
"""Runs payloads of a work; one row each, which may be an exception."""
T = TypeVar("T")
STEPWISE = 32
"""Copies of a text which a layer that walks through it takes side by side in hardly more time than one."""
LONG_LOOK = 4
"""Slices that what has to look at all of a curve may take the time of while nobody predicts."""
WORTH_LOOKING_S = 0.01
"""Of a core. Less is explained sooner than looks are handed to and fro."""


class Slicer:
    """Explains one instance by a work, slice by slice.

    Every method raises InvalidInstances where the classifier has no answer, and what the classifier raised.
    """

    def __init__(self, work: ExplainWork, features: Features, evaluate: Evaluate, gate: SliceGate) -> None:
        self._work = work
        self._features = features
        self._evaluate = evaluate
        self._gate = gate
        self._tokens = volume(features.shape)

    def is_slice(self, copies: int) -> bool:
        return copies <= self._slice_copies(self._work)

    async def whole(self, target: int | None, probes: Sequence[Probe]) -> Any:
        """The instance's InstanceEnds with the sums of all probes, for the predicted label where none is named, or why
        there are none: a row for `checked`."""
        return await self._row(self._work.whole, len(probes), Probing(target, probes))

    async def whole_along(self, target: int | None, probes: Sequence[Probe]) -> Any:
        """The same by a curve of the usual points; without the sums where it is not smooth."""
        level = self.usual_level
        return await self._row(self._work.curved_wholes[level], level, Probing(target, probes))

    async def sum(self, target: int, probes: Sequence[Probe], curve: Curve | None) -> list[Tensor]:
        """What all probes add up to, a tensor for each input; told from the points of a curve where those are fewer."""
        if curve is not None and len(probes) > curve.level:
            return await self._sum_along(curve, target, probes)

        def run(first: int, last: int) -> Coroutine[Any, Any, list[Tensor]]:
            return self._run(self._work, last - first, Probing(target, probes[first:last]))

        return await self._in_slices(len(probes), run, self._work)

    def look_level(self, steps: int) -> int | None:
        """How many points to look at first where so many steps are known to take so long that this may spare time: as
        many as are usually needed, or what can be made so many later."""
        usual = self.usual_level
        if steps <= usual or not self._work.pace.is_known or self.seconds(steps) < WORTH_LOOKING_S:
            return None
        return next((level for level in coarser(usual) if self._may_take(LOOK * self.seconds(level), level)), None)

    @property
    def usual_level(self) -> int:
        return self._work.usual.level or FIRST_LEVEL

    @property
    def may_go_along(self) -> bool:
        """Whether the usual points are known, and few enough for all of an explanation to be told from in one go."""
        level = self._work.usual.level
        return level is not None and self._may_take(self.seconds(level, self._work.along[level]), level)

    def _may_take(self, seconds: float, points: int) -> bool:
        """Whether a curve may be looked at for so long: one slice, or while nobody predicts as long as a batch of them
        takes. Without a look a long text would be computed at every step."""
        most = self._gate.slice_s * (LONG_LOOK if self._gate.alone else 1)
        return seconds <= most and points <= self._most_copies

    async def smooth(self, curve: Curve) -> Curve | None:
        """The curve with as many points as tell the rest; None where too many would be needed, or too long a slice."""
        while not curve.smooth:
            level = curve.next_level
            points = level // 2 if level else 0
            if level is None or not self._may_take(LOOK * self.seconds(points), points):
                break
            curve = await self._run(self._work.finer_looks[level], points, curve, LOOK)
        self._work.usual.observe(curve)
        return curve if curve.smooth else None

    async def _sum_along(self, curve: Curve, target: int, probes: Sequence[Probe]) -> list[Tensor]:
        work = self._work.along[curve.level]

        def run(first: int, last: int) -> Coroutine[Any, Any, list[Tensor]]:
            return self._run(work, last - first, Stretch(curve, target, tuple(probes), first, last))

        return await self._in_slices(curve.level, run, work)

    async def _in_slices(
        self, count: int, run: Callable[[int, int], Coroutine[Any, Any, list[Tensor]]], work: SlicedWork
    ) -> list[Tensor]:
        size = -(-count // -(-count // self._slice_copies(work)))  # as long as each other
        first, *others = await all_of([run(first, min(first + size, count)) for first in range(0, count, size)])
        return [_added(tensors) for tensors in zip(first, *others, strict=True)] if others else first

    async def _run(self, work: SlicedWork, copies: int, wanted: Any, share: float = 1.0) -> Any:
        return checked([await self._row(work, copies, wanted, share)])[0]

    async def _row(self, work: SlicedWork, copies: int, wanted: Any, share: float = 1.0) -> Any:
        one = Slice(self._features, copies, wanted)
        async with self._gate.hold(share * self.seconds(copies, work)):
            return (await self._evaluate(work, [one], [one.shape]))[0]

    def _slice_copies(self, work: SlicedWork) -> int:
        least = STEPWISE if work.explainable.stepwise else 1
        return min(max(least, int(self._gate.slice_s / max(self.seconds(1, work), 1e-9))), self._most_copies)

    @property
    def _most_copies(self) -> int:
        """As many as a batch holds."""
        return max(1, self._gate.most_tokens // max(self._tokens, 1))

    def seconds(self, copies: int, work: SlicedWork | None = None) -> float:
        """What so many copies of the instance take of a core, as steps of a path or in another work."""
        return self._tokens * copies * (work or self._work).pace.seconds_per_token


async def all_wholes(
    of_each: Sequence[tuple[Slicer, Sequence[Probe]]], target: int | None, gate: SliceGate
) -> list[InstanceEnds] | None:
    """The ends of each with the sums of its probes. None where one of them is more than a slice, or where there is no
    room to spare: then their ends had better be found first, which are let in, and wait in the batcher's queue, which
    is counted and bounded.

    Raises InvalidInstances with every instance that the classifier has no answer for.
    """
    slices = all(slicer.is_slice(len(probes)) for slicer, probes in of_each)
    if not slices or not gate.spares(sum(slicer.seconds(len(probes)) for slicer, probes in of_each)):
        return None
    return checked(await all_of([slicer.whole(target, probes) for slicer, probes in of_each]))


async def all_ends(
    work: EndsWork | CurvedEndsWork, features: Sequence[Features], evaluate: Evaluate, gate: SliceGate
) -> list[InstanceEnds]:
    """Raises InvalidInstances with every instance that the classifier has no answer for."""
    slices = [Slice(one, work.copies) for one in features]
    shapes = [one.shape for one in slices]
    async with gate.hold(LOOK * sum(map(volume, shapes)) * work.pace.seconds_per_token):
        return checked(await evaluate(work, slices, shapes))


def checked(rows: Sequence[Any]) -> list[Any]:
    """The rows, where none is an exception."""
    failures = {index: row for index, row in enumerate(rows) if isinstance(row, Exception)}
    refused = {index: row for index, row in failures.items() if isinstance(row, InvalidInstance)}
    if refused:
        raise InvalidInstances([Refusal(index, row.message, row.field) for index, row in refused.items()])
    for failure in failures.values():
        raise failure
    return list(rows)


def _added(tensors: Sequence[Tensor]) -> Tensor:
    """Padding differs from batch to batch; what stands there is not asked for."""
    shape = [min(sizes) for sizes in zip(*(tensor.shape for tensor in tensors), strict=True)]
    return torch.stack([tensor[tuple(slice(0, size) for size in shape)] for tensor in tensors]).sum(dim=0)


async def all_of(jobs: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Every result in order; the first failure ends the others."""
    if len(jobs) == 1:
        return [await jobs[0]]  # a task would take two turns of the event loop
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    return [task.result() for task in tasks]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
