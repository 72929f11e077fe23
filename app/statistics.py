"""What a model has done since it was loaded: plain counts, which cost next to nothing to keep."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field

from app.batch import BatchReport


@dataclass(slots=True)
class Total:
    """How often, and how many seconds in all."""

    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds

    @property
    def nanoseconds(self) -> int:
        return round(self.seconds * 1e9)


@dataclass(slots=True)
class Tally:
    """Of one model. `succeeded` and `failed` are requests for predictions; `batches` are all that ran, by size."""

    succeeded: Total = field(default_factory=Total)
    failed: Total = field(default_factory=Total)
    queued: Total = field(default_factory=Total)
    batches: defaultdict[int, Total] = field(default_factory=lambda: defaultdict(Total))
    instances: int = 0
    last_request: float = 0.0
    """Seconds since the epoch; 0 before the first."""

    def add_request(self, seconds: float, instances: int, *, succeeded: bool) -> None:
        (self.succeeded if succeeded else self.failed).add(seconds)
        self.instances += instances if succeeded else 0
        self.last_request = time.time()

    def add_batch(self, report: BatchReport) -> None:
        self.queued.add(report.queued_s)
        self.batches[len(report.batch.items)].add(report.ran_s)

    @property
    def executions(self) -> int:
        return sum(total.count for total in self.batches.values())


class Tallies(defaultdict[str, Tally]):
    """By model."""

    def __init__(self) -> None:
        super().__init__(Tally)

    def start(self, model: str) -> None:
        """It has just been loaded: what it was warmed up with does not count."""
        self[model] = Tally()
