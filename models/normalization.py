"""Attributions divided by their norm."""

from __future__ import annotations

import math
from collections.abc import Sequence

from models.explain_methods import Norm


def normalized(values: Sequence[float], norm: Norm) -> list[float]:
    """Zeros where the norm is zero or no number."""
    if norm == "none":
        return list(values)
    size = math.fsum(map(abs, values)) if norm == "l1" else math.hypot(*values)
    usable = math.isfinite(size) and size > 0
    return [value / size if usable else 0.0 for value in values]
