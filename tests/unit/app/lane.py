"""A lane without a device: it doubles numbers, and does what the tests tell it to."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.batch import Batch, Shape
from app.spreading import Spreading


@dataclass(frozen=True, eq=False)
class Doubling:
    """Work: the answer to a number is twice the number."""

    name: str = "doubling"
    one_shape: bool = False
    packed: bool = False
    spreading: Spreading = field(default_factory=Spreading)
    most_tokens: float = math.inf


@dataclass
class Lane:
    """Runs one batch at a time, in order. While `gate` is closed nothing runs. `fault` may raise for a batch."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fault: Callable[[Batch], None] = lambda batch: None
    seconds_per_batch: float = 0.0
    seconds_per_token: float = 0.0
    batches: list[Batch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()
        self._one_at_a_time = asyncio.Lock()

    async def execute(self, batch: Batch) -> list[Any]:
        async with self._one_at_a_time:
            self.batches.append(batch)
            await asyncio.sleep(self.seconds_per_batch + batch.padded_tokens * self.seconds_per_token)
            await self.gate.wait()
            self.fault(batch)
            return [2 * number for number in batch.payloads]

    @property
    def sizes(self) -> list[int]:
        return [len(batch.items) for batch in self.batches]


def tokens(*lengths: int) -> list[Shape]:
    """Shapes of single texts of these lengths."""
    return [((1, length),) for length in lengths]


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)
