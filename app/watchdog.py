"""How late the event loop is: what every request waits for besides its own work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PROBE_SECONDS = 0.02


async def watch_loop(observe: Callable[[float], None]) -> None:
    """Tells, fifty times a second, how many seconds late a timer fired."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PROBE_SECONDS
        await asyncio.sleep(PROBE_SECONDS)
        observe(max(0.0, loop.time() - due))
