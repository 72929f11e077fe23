"""The dynamic batcher: requests in, batches out, one future per request. Pure asyncio; no HTTP, no torch.

    submit ─► admit ─► queue of its work ─► batch ─► execute (the lane) ─► rows ─► the request's future
                │             │                          │
               429    cancelled: leaves      fails: by halves, until the culprit fails alone

* Admission is all or nothing for a request, by instances and by tokens.
* A free core of the lane takes a batch at once: batches grow because the lane is busy, not because anything waits.
  What finds several cores free is divided among them. A GPU is a lane of one core.
  While all are busy, one more batch is handed over to be collated, but only a full one: others still grow.
  Where the event loop takes a core, that one is not free, and a batch as large as what runs is full enough.
  For those who were answered a moment ago it waits a moment: app/echo.py. Bulk work, whose batches cost much
  whatever is in them, waits until a turn of the event loop has brought none.
* Who goes together: app/selection.py. How many batches of a work had better run side by side: its spreading
  (app/trials.py finds it).
* Works take turns. Interactive work goes before bulk work, which is never handed over early (so that an
  interactive batch runs between two of its slices) and keeps a small share of the lane. It is divided and given threads
  as if no bulk work ran, and the lane lets it wait for a slice: no bit of an answer depends on that.
* A submit that is cancelled (deadline, client gone) takes its instances out of the queue.
* Every future resolves, whatever `execute` does.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from app.batch import Batch, BatchReport, Item, Priority, Request, Shape, Work, divided, volume
from app.echo import Echo
from app.errors import (
    BrokenClassifier,
    DeviceLost,
    InvalidInstances,
    OutOfMemory,
    Overloaded,
    Refusal,
    RequestTooLarge,
    ShuttingDown,
)
from app.queues import Queue, Queues
from app.selection import BatchLimits, Selection
from app.spreading import Spread

Execute = Callable[[Batch], Awaitable[Sequence[Any]]]
"""Runs batches in the order of the calls, as many at once as there are cores; gives one row per payload. A row may be
an exception: the answer to that instance alone. Raises OutOfMemory, DeviceLost, or anything else for the whole."""


@dataclass
class Batcher:
    """See the module. `cores` are those of the lane, of which others take `taken`; `on_device_lost` is called once."""

    execute: Execute
    limits: BatchLimits = field(default_factory=BatchLimits)
    cores: int = 1
    taken: Callable[[], int] = lambda: 0
    on_batch: Callable[[BatchReport], None] = lambda report: None
    on_out_of_memory: Callable[[], None] = lambda: None
    on_device_lost: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._queues = Queues()
        self._running: dict[Batch, asyncio.Task[None]] = {}
        self._closed_by: type[ShuttingDown] | type[DeviceLost] | None = None
        self._timer: asyncio.Handle | None = None
        self._timer_at = math.inf
        self._selection = Selection(self.limits)
        self._tokens_per_second = 0.0
        self._echoes: WeakKeyDictionary[Work, Echo] = WeakKeyDictionary()
        self._last_interactive = -math.inf

    # What the queues hold

    @property
    def queued_items(self) -> int:
        return self._queues.items

    @property
    def queued_tokens(self) -> int:
        return self._queues.tokens

    def queued_by_model(self) -> Counter[str]:
        """Instances that wait, by the name of their model."""
        return self._queues.items_of.copy()

    @property
    def oldest_wait_s(self) -> float:
        """How long the instance that waits longest has waited."""
        return max((_now() - queue.oldest.request.arrived for queue in self._queues.all()), default=0.0)

    @property
    def since_interactive_s(self) -> float:
        """How long ago interactive work last came."""
        return _now() - self._last_interactive

    @property
    def retry_after_s(self) -> int:
        """Whole seconds in which the measured service rate works off what is queued now."""
        if not self._tokens_per_second:
            return 1
        return min(MAX_RETRY_AFTER_S, max(1, math.ceil(self.queued_tokens / self._tokens_per_second)))

    @property
    def token_budget(self) -> int:
        """Padded tokens that a batch may hold at present: fewer than the limit after out of memory."""
        return self._selection.token_budget

    # In

    async def submit(
        self,
        work: Work,
        payloads: Sequence[Any],
        shapes: Sequence[Shape],
        priority: Priority = Priority.INTERACTIVE,
    ) -> list[Any]:
        """One row per payload; a row that failed is its exception.

        Raises Overloaded, RequestTooLarge, InvalidInstances, ShuttingDown or DeviceLost for the whole request.
        """
        if not payloads:
            return []
        request = Request(len(payloads), _now(), getattr(work, "name", ""))
        items = [
            Item(request, index, payload, shape, volume(shape))
            for index, (payload, shape) in enumerate(zip(payloads, shapes, strict=True))
        ]
        self._admit(items)
        if priority is Priority.INTERACTIVE:
            self._last_interactive = request.arrived
        self._queues.add(priority, work, items)
        self._echo(work).heard(request.arrived)
        self._wake()
        try:
            return await request.answer
        except asyncio.CancelledError:
            self._queues.remove(priority, work, items)
            raise

    def _admit(self, items: Sequence[Item]) -> None:
        limits = self.limits
        oversized = [item for item in items if item.tokens > limits.batch_tokens]
        if oversized:
            reason = "It takes {} tokens and a batch holds {}. Send a shorter text."
            raise InvalidInstances(
                [Refusal(item.index, reason.format(item.tokens, limits.batch_tokens)) for item in oversized]
            )
        tokens = sum([item.tokens for item in items])
        if len(items) > limits.queue_items or tokens > limits.queue_tokens:
            raise RequestTooLarge(
                f"{len(items)} instances of {tokens} tokens are more than the queue ever holds "
                f"({limits.queue_items} instances, {limits.queue_tokens} tokens). Split the request."
            )
        self.check_room(items[0].request.model, len(items), tokens)

    def check_room(self, model: str, items: int, tokens: int = 0) -> None:
        """Raises where so much more would not be admitted: cheap enough to ask before featurizing.

        Each model has a queue's room of its own: what floods one leaves the others theirs.
        """
        if self._closed_by:
            raise self._closed_by
        limits = self.limits
        queued_items, queued_tokens = self._queues.items_of[model], self._queues.tokens_of[model]
        if queued_items + items > limits.queue_items or queued_tokens + tokens > limits.queue_tokens:
            seconds = self.retry_after_s
            raise Overloaded(f"The queue is full. Try again in {seconds} s, or with fewer instances.", seconds)

    # Through

    def _wake(self, delay: float = 0.0) -> None:
        """Dispatch when this turn of the event loop is over, or after a delay; the sooner of the calls counts."""
        at = _now() + delay
        if self._timer_at <= at:
            return
        if self._timer:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(delay, self._dispatch) if delay else loop.call_soon(self._dispatch)
        self._timer_at = at

    def _dispatch(self) -> None:
        self._timer_at = math.inf
        while batches := self._next_batches():
            for batch in batches:
                self._running[batch] = asyncio.get_running_loop().create_task(self._run(batch))

    def _next_batches(self) -> list[Batch]:
        """Those whose turn it is, to run side by side; none where there are none, or where they had better grow."""
        for priority, work, queue in self._queues.in_turn():
            spread = self._spread(priority, work, queue)
            parts = self._parts(priority, work, queue, spread)
            if not parts and self._free_cores > 0:
                continue  # as many of its batches run as had better
            if not parts:
                return []
            if self._gathers(priority, queue):
                self._wake()
                continue
            if (delay := self._delay(priority, work, queue)) > 0:
                self._wake(delay)
                continue
            if priority is Priority.BULK:
                found = self._selection.side_by_side(queue, work, parts)
            else:  # had better be soon over: the parts share one batch's room
                found = divided(self._selection.of(queue, work, parts / spread.parts), parts)
            self._queues.took(priority, work, [item for part in found for item in part])
            return [Batch(work, priority, part, spread) for part in found]
        return []

    def _spread(self, priority: Priority, work: Work, queue: Queue) -> Spread:
        """That of what waits, with no more threads than there are cores that others leave."""
        parts, threads = work.spreading.of(len(queue), queue.tokens)
        return Spread(min(parts, self._cores), min(threads, max(self._left_for(priority, self.cores), 1)))

    def _parts(self, priority: Priority, work: Work, queue: Queue, spread: Spread) -> int:
        """Into how many batches what waits may go now."""
        running = [len(batch.items) for batch in self._running if batch.work is work]
        free, left, ahead = self._free_cores, self._left_for(priority, self._cores), len(running)
        full = self._selection.is_full(queue, 1 / spread.parts)
        if ahead < spread.parts and (free > 0 or (left > 0 and full)):
            return min(spread.parts - ahead, max(1, left // spread.threads))
        early = priority is Priority.INTERACTIVE and free >= 0 and ahead <= spread.parts
        late = self._cores < self.cores  # the loop is so busy that the lane would wait for it
        enough = late and len(queue) >= max(running, default=0)
        return int(early and (enough or full))

    @property
    def _cores(self) -> int:
        return max(1, self.cores - self.taken())

    @property
    def _free_cores(self) -> int:
        """Fewer than none where batches were handed over early."""
        return self._left_for(Priority.BULK, self._cores)

    def _left_for(self, priority: Priority, cores: int) -> int:
        """Of so many cores; those of bulk work are left for what is interactive."""
        counted = (batch for batch in self._running if priority in (Priority.BULK, batch.priority))
        return cores - sum(batch.spread.threads for batch in counted)

    def _gathers(self, priority: Priority, queue: Queue) -> bool:
        """Whether the next turn of the event loop may bring more: whoever asks for much at once is heard in several."""
        wanted = priority is Priority.BULK and not self._closed_by and not self._selection.is_full(queue)
        return wanted and queue.grew()

    def _delay(self, priority: Priority, work: Work, queue: Queue) -> float:
        """Seconds for which what waits had better wait for company."""
        if self._closed_by or self._selection.is_full(queue):
            return 0.0
        echo = self._echo(work).remaining_s(_now(), len(queue)) if priority is Priority.INTERACTIVE else 0.0
        return max(echo, queue.oldest.request.arrived + self.limits.wait_s - _now())

    def _echo(self, work: Work) -> Echo:
        if work not in self._echoes:
            self._echoes[work] = Echo()
        return self._echoes[work]

    # Out

    async def _run(self, batch: Batch) -> None:
        batch.started = _now()
        try:
            if await self._attempt(batch):
                self._measure(batch)
        except DeviceLost:
            self._lose_device()
        finally:
            batch.settle(BrokenClassifier("the batch ended without an answer to this instance"))
            self._leave_lane(batch)

    def _leave_lane(self, batch: Batch) -> None:
        """Room for the next one; halves of a batch had none of their own."""
        if self._running.pop(batch, None):
            self._dispatch()

    async def _attempt(self, batch: Batch, *, again: bool = True) -> bool:
        """Settle every instance; where the batch fails do so by halves, so that only the culprit fails.

        True where it ran as it was, so that its time says something of such batches.
        """
        if not batch.wanted:
            return False
        try:
            rows = await self.execute(batch)
            if not batch.wanted:
                return False
            if len(rows) != len(batch.items):
                raise BrokenClassifier(f"{len(batch.items)} instances went in and {len(rows)} rows came out")
        except DeviceLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one instance provokes, its neighbours are answered
            if isinstance(error, OutOfMemory):
                self._selection.shrink(batch)
                self.on_out_of_memory()
            if len(batch.items) > 1:
                for half in batch.halves():
                    await self._attempt(half)
            elif isinstance(error, OutOfMemory) and again:
                await self._attempt(batch, again=False)
            else:
                batch.settle(error)
            return False
        self._selection.recover()
        self._echo(batch.work).expect(batch, _now())
        self._leave_lane(batch)  # before anybody is answered: the lane need not wait for that
        for item, row in zip(batch.items, rows, strict=True):
            item.settle(row)
        return True

    def _measure(self, batch: Batch) -> None:
        ran = max(_now() - batch.started, CLOCK_RESOLUTION_S)
        self._selection.ran(batch, ran)
        rate = batch.real_tokens / ran * min(batch.spread.parts, self.cores // batch.spread.threads)
        weight = RATE_WEIGHT if self._tokens_per_second else 1.0
        self._tokens_per_second += weight * (rate - self._tokens_per_second)
        self.on_batch(BatchReport(batch, batch.started - batch.items[0].request.arrived, ran))

    # The end

    async def drain(self) -> None:
        """Refuse what comes; return once what was admitted is answered."""
        self._closed_by = self._closed_by or ShuttingDown
        while self.queued_items or self._running:
            self._dispatch()
            await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)

    def close(self) -> None:
        """Refuse what comes; fail what is queued or running."""
        self._fail_all(ShuttingDown)
        for task in self._running.values():
            task.cancel()

    def _lose_device(self) -> None:
        if self._closed_by is not DeviceLost:
            self._fail_all(DeviceLost)
            self.on_device_lost()

    def _fail_all(self, reason: type[ShuttingDown] | type[DeviceLost]) -> None:
        self._closed_by = reason
        for queue in self._queues.all():
            for item in queue:
                item.settle(reason())
        for batch in self._running:
            batch.settle(reason())
        self._queues.clear()


_now = time.monotonic
"""What the loop's clock counts too, but uvloop's counts whole milliseconds."""


RATE_WEIGHT = 0.2
"""Weight of the newest batch in the service rate."""
MAX_RETRY_AFTER_S = 60
CLOCK_RESOLUTION_S = 1e-6
