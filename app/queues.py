"""What waits for the lane: a queue for each work, who is next, and how much there is, by model and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from app.batch import Item, Priority, Work


class Queue:
    """Instances of one work, oldest first."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.tokens = 0
        self._items: dict[Item, None] = {}  # a dict, because a cancelled request leaves from the middle
        self._grew = False

    @property
    def oldest(self) -> Item:
        return next(iter(self._items))

    def add(self, items: Sequence[Item]) -> None:
        self._grew = True
        self._items.update(dict.fromkeys(items))
        self.tokens += sum([item.tokens for item in items])

    def remove(self, items: Sequence[Item]) -> tuple[int, int]:
        """Those of them that are there. Gives how many that were, and their tokens."""
        there = [item for item in items if item in self._items]
        for item in there:
            del self._items[item]
        tokens = sum([item.tokens for item in there])
        self.tokens -= tokens
        return len(there), tokens

    def grew(self) -> bool:
        """Since this was last asked."""
        grew, self._grew = self._grew, False
        return grew

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


class Queues:
    """Works of a priority take turns. Sizes are counted as instances come and go, not summed when asked for."""

    def __init__(self) -> None:
        self._queues: dict[Priority, dict[Work, Queue]] = {priority: {} for priority in Priority}
        self._interactive_in_a_row = 0
        self.items_of: Counter[str] = Counter()
        self.tokens_of: Counter[str] = Counter()
        """By model."""

    @property
    def items(self) -> int:
        return self.items_of.total()

    @property
    def tokens(self) -> int:
        return self.tokens_of.total()

    def all(self) -> Iterator[Queue]:
        """Those that hold anything."""
        return (queue for queues in self._queues.values() for queue in queues.values() if queue)

    def add(self, priority: Priority, work: Work, items: Sequence[Item]) -> None:
        model = items[0].request.model
        queues = self._queues[priority]
        if work not in queues:
            queues[work] = Queue(model)
        queue = queues[work]
        before = queue.tokens
        queue.add(items)
        self.items_of[model] += len(items)
        self.tokens_of[model] += queue.tokens - before

    def remove(self, priority: Priority, work: Work, items: Sequence[Item]) -> None:
        """What is no longer there is left out."""
        if queue := self._queues[priority].get(work):
            count, tokens = queue.remove(items)
            self.items_of[queue.model] -= count
            self.tokens_of[queue.model] -= tokens

    def in_turn(self) -> Iterator[tuple[Priority, Work, Queue]]:
        """Who is next, first. Empty queues are forgotten on the way."""
        for priority in self._classes():
            for work, queue in list(self._queues[priority].items()):
                if queue:
                    yield priority, work, queue
                else:
                    del self._queues[priority][work]

    def _classes(self) -> tuple[Priority, Priority]:
        if self._interactive_in_a_row >= INTERACTIVE_PER_BULK:
            return Priority.BULK, Priority.INTERACTIVE
        return Priority.INTERACTIVE, Priority.BULK

    def took(self, priority: Priority, work: Work, items: Sequence[Item]) -> None:
        """They had their turn; the work goes to the end of the line."""
        self.remove(priority, work, items)
        queues = self._queues[priority]
        queues[work] = queues.pop(work)
        passed_over = priority is Priority.INTERACTIVE and any(self._queues[Priority.BULK].values())
        self._interactive_in_a_row = self._interactive_in_a_row + 1 if passed_over else 0

    def clear(self) -> None:
        for queues in self._queues.values():
            queues.clear()
        self.items_of.clear()
        self.tokens_of.clear()


INTERACTIVE_PER_BULK = 8
"""Bulk work gets one batch after so many interactive ones, so that it never starves."""
