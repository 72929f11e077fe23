"""Numbers off a server's /metrics."""

from __future__ import annotations

import re

import httpx


def sample(client: httpx.Client, series: str) -> float:
    """The value of a series as it is exposed, labels and all; 0 where it is not there."""
    found = re.search(rf"^{re.escape(series)} (.+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0
