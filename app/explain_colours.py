"""How attributions are coloured, wherever they are drawn.

Orange speaks for the label and blue against it (Okabe and Ito, 2008: told apart by every kind of colour vision). The
more it says, the darker it is. Without colours the line under a token is solid or dotted, and a bar plain or hatched.
"""

from __future__ import annotations

FOR = (230, 159, 0)
AGAINST = (0, 114, 178)
DARKEST = 0.75
"""Opacity of what says most: black text still has a contrast of 5 : 1."""


def opacity(share: float) -> float:
    """`share` is the part of the picture's largest attribution, from 0 to 1."""
    return DARKEST * share


def css() -> str:
    """The colours as custom properties `--for` and `--against`."""
    return f":root {{ --for: {_listed(FOR)}; --against: {_listed(AGAINST)}; }}"


def _listed(colour: tuple[int, int, int]) -> str:
    return ", ".join(map(str, colour))
