"""A sheet to draw on with matplotlib: points (72 to an inch) to the right and down from the upper left corner."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, BinaryIO

from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

POINTS = 72.0
FONT = "DejaVu Sans"
"""Comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and signs."""
HATCH = "//////"
LAST_RESORT = "Last Resort"
"""Comes with matplotlib too: a frame for every character."""

# It would say for each fallback font that this has no bold.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

Colour = tuple[int, int, int]


class Canvas:
    """As high as `save` is told. `texts` is all that will be written, so that fonts can be found for it."""

    def __init__(self, width: float, dots_per_inch: int, texts: Iterable[str]) -> None:
        self._width, self._dots = width, dots_per_inch
        self._figure = Figure(figsize=(width / POINTS, 1), dpi=dots_per_inch, facecolor="white")
        self._renderer: RendererAgg = FigureCanvasAgg(self._figure).get_renderer()  # type: ignore[no-untyped-call]
        self._down = Affine2D()
        self._place = self._down + self._figure.dpi_scale_trans
        self._families = tuple(font_families(set().union(*texts)))

    def measure(self, text: str, size: float, *, bold: bool = False, italic: bool = False) -> float:
        """How wide the text is."""
        return self._measure(text, size, bold, italic)

    @lru_cache(maxsize=4096)  # noqa: B019 - a canvas lives as long as its picture takes
    def _measure(self, text: str, size: float, bold: bool, italic: bool) -> float:
        extent: Any = self._renderer.get_text_width_height_descent
        pixels, _, _ = extent(text, self._font(size, bold, italic), ismath=False)
        return float(pixels) * POINTS / self._dots

    def text(
        self,
        x: float,
        baseline: float,
        text: str,
        size: float,
        ink: Colour,
        *,
        bold: bool = False,
        italic: bool = False,
    ) -> float:
        """Writes, and says where the text ends."""
        font = self._font(size, bold, italic)
        self._figure.add_artist(
            Text(x, baseline, text, color=_shares(ink), fontproperties=font, transform=self._place, parse_math=False)
        )
        return x + self.measure(text, size, bold=bold, italic=italic)

    def box(
        self,
        x: float,
        top: float,
        width: float,
        height: float,
        colour: Colour,
        opacity: float = 1.0,
        *,
        hatched: bool = False,
    ) -> None:
        fill = (*_shares(colour), opacity)
        look = {"facecolor": "white", "edgecolor": fill, "hatch": HATCH} if hatched else {"color": fill, "linewidth": 0}
        self._figure.add_artist(Rectangle((x, top), width, height, transform=self._place, **look))

    def line(
        self, start: tuple[float, float], end: tuple[float, float], colour: Colour, *, dotted: bool = False
    ) -> None:
        self._figure.add_artist(
            Line2D(
                [start[0], end[0]],
                [start[1], end[1]],
                color=_shares(colour),
                linewidth=1.2,
                linestyle=(0, (1, 1)) if dotted else "solid",
                transform=self._place,
            )
        )

    def save(self, file: BinaryIO, height: float) -> None:
        """As PNG."""
        self._figure.set_size_inches(self._width / POINTS, height / POINTS)
        self._down.clear().scale(1 / POINTS, -1 / POINTS).translate(0, height / POINTS)
        self._figure.savefig(file, format="png")

    def _font(self, size: float, bold: bool, italic: bool) -> FontProperties:
        weight = "bold" if bold else "normal"
        return FontProperties(
            family=list(self._families), size=size, weight=weight, style="italic" if italic else "normal"
        )


def _shares(colour: Colour) -> tuple[float, float, float]:
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


def font_families(characters: set[str]) -> list[str]:
    """FONT, and what this machine has for the characters that it lacks."""
    families = [FONT]
    missing = {ord(character) for character in characters} - _glyphs(fontManager.findfont(FONT))
    for entry in sorted(fontManager.ttflist, key=lambda entry: entry.name.startswith(LAST_RESORT)):
        if not missing:
            break
        if entry.style == "normal":
            found = missing & _glyphs(entry.fname)
            families += [entry.name] if found else []
            missing -= found
    return families


def _glyphs(path: str) -> set[int]:
    """The characters that a font draws; none of one that matplotlib cannot open."""
    try:
        return set(get_font(path).get_charmap())
    except RuntimeError:
        return set()
