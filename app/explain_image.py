"""Explanations as one PNG: what the HTML page shows, one below the other."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from app.explain_colours import AGAINST, FOR, opacity
from app.explain_picture import Cell, Mark, Picture

if TYPE_CHECKING:
    from app.explain_canvas import Canvas

MISSING = "--png draws with matplotlib, which is not installed. Install it, for example with: pip install matplotlib"

DOTS_PER_INCH = 150
WIDTH, MARGIN, GAP = 720.0, 24.0, 12.0
"""Points, 72 to an inch."""
ENOUGH, LOWEST = 6_000.0, 12_000.0
"""Points down the sheet: where no further picture begins, and where one that is drawn is cut (matplotlib draws fewer
than 2^16 rows)."""
BODY, TITLE, SMALL = 11.0, 12.0, 9.5
"""Font sizes in points."""
LEADING = 1.8
MAX_NAME_WIDTH, BAR_WIDTH, NUMBER_WIDTH = 110.0, 70.0, 58.0
ROUNDING = 0.5
BARS_SHARE = 0.7
"""Of the width, where there is one column of bars: they stay near their texts."""
INK, QUIET, RULE = (17, 17, 17), (68, 68, 68), (187, 187, 187)
COLOURS = {"for": FOR, "against": AGAINST}
LEGENDS = {
    False: "orange, underlined: speaks for the label; blue, dotted: against it; the darker, the more",
    True: "bar to the right, orange: speaks for the label; to the left, blue and hatched: against it",
}


def can_draw() -> bool:
    return find_spec("matplotlib") is not None


def image(pictures: Sequence[Picture]) -> bytes:
    """A PNG. Raises ImportError without matplotlib."""
    from app.explain_canvas import Canvas  # noqa: PLC0415

    sheet = Sheet(Canvas(WIDTH, DOTS_PER_INCH, _texts(pictures)))
    for kind in sorted({one.bars for one in pictures if one.rows}):
        sheet.note(LEGENDS[kind])
    for number, one in enumerate(pictures):
        if sheet.top > ENOUGH:
            sheet.note(f"{len(pictures) - number} more are not drawn.")
            break
        sheet.picture(one)
    written = io.BytesIO()
    sheet.canvas.save(written, sheet.top + MARGIN)
    return written.getvalue()


def _texts(pictures: Sequence[Picture]) -> Iterator[str]:
    for one in pictures:
        yield from (one.title, one.how, *one.notes)
        yield from (text for row in one.rows for cell in row if cell for text in _texts_of(cell))


def _texts_of(cell: Cell) -> Iterator[str]:
    yield cell.name
    yield from (mark.text for mark in cell.marks)


@dataclass
class Sheet:
    """What has been drawn so far, down to `top`."""

    canvas: Canvas
    top: float = MARGIN
    name_width: float = 0.0

    def picture(self, drawn: Picture) -> None:
        self.canvas.line((MARGIN, self.top), (WIDTH - MARGIN, self.top), RULE)
        self.top += TITLE * LEADING
        end = self.canvas.text(MARGIN, self.top, drawn.title, TITLE, INK, bold=True)
        self.canvas.text(end + GAP, self.top, drawn.how, SMALL, QUIET)
        columns = _columns(drawn)
        if drawn.columns:
            self.top += BODY * LEADING
            for (left, _), name in zip(columns, drawn.columns, strict=True):
                self.canvas.text(left, self.top, name, BODY, INK, bold=True)
        self.name_width = self._name_width(drawn)
        for row in drawn.rows:
            cells = [(cell, *column) for cell, column in zip(row, columns, strict=True) if cell]
            self.top = max(self._cell(cell, left, right, bars=drawn.bars) for cell, left, right in cells)
            if self.top > LOWEST:
                self.note("The rest is not drawn.")
                break
        self.top += SMALL
        for note in drawn.notes:
            self.note(note)

    def _name_width(self, drawn: Picture) -> float:
        names = [self.canvas.measure(cell.name, BODY) for row in drawn.rows for cell in row if cell and cell.name]
        return min(max(names), MAX_NAME_WIDTH) + GAP if names else 0.0

    def note(self, text: str) -> None:
        marks = [Mark(word, 0.0, 0.0, spaced=True) for word in text.split()]
        self.top = self._flow(marks, MARGIN, WIDTH - MARGIN, SMALL, QUIET) + SMALL

    def _cell(self, cell: Cell, left: float, right: float, *, bars: bool) -> float:
        """Says where the last line stands."""
        text = left + self.name_width
        named = self._flow([Mark(cell.name, 0.0, 0.0)], left, text - GAP, BODY, QUIET)
        if not bars:
            return max(named, self._flow(cell.marks, text, right, BODY, INK))
        (mark,) = cell.marks
        words = [Mark(word, 0.0, 0.0, spaced=True) for word in mark.text.split()]
        self._bar(mark, right - NUMBER_WIDTH - BAR_WIDTH)
        return max(named, self._flow(words, text, right - NUMBER_WIDTH - BAR_WIDTH - GAP, BODY, INK))

    def _flow(self, marks: Sequence[Mark], left: float, right: float, size: float, ink: tuple[int, int, int]) -> float:
        """Marks one after the other, on as many lines as they need. Says where the last line stands."""
        x, baseline = left, self.top + size * LEADING
        space = self.canvas.measure("n", size) / 2
        for mark in marks:
            x += space if mark.spaced and x > left else 0.0
            for piece in self._pieces(mark.text, size, right - left + ROUNDING):
                width = self.canvas.measure(piece, size)
                if x > left and x + width > right + ROUNDING:
                    x, baseline = left, baseline + size * LEADING
                if baseline > LOWEST:
                    return baseline
                self._mark(mark, piece, x, baseline, size, ink)
                x += width
        return baseline

    def _pieces(self, text: str, size: float, room: float) -> Iterator[str]:
        """The text in parts that a line has room for."""
        while text:
            fits = len(text)
            while fits > 1 and self.canvas.measure(text[:fits], size) > room:
                fits = min(fits - 1, int(fits * room / self.canvas.measure(text[:fits], size)) or 1)
            yield text[:fits]
            text = text[fits:]

    def _mark(self, mark: Mark, text: str, x: float, baseline: float, size: float, ink: tuple[int, int, int]) -> None:
        if mark.side != "neither":
            colour, width = COLOURS[mark.side], self.canvas.measure(text, size)
            self.canvas.box(x, baseline - size, width, 1.35 * size, colour, opacity(mark.share))
            under = baseline + 0.35 * size
            self.canvas.line((x, under), (x + width, under), colour, dotted=mark.side == "against")
        self.canvas.text(x, baseline, text, size, ink, italic=mark.added)

    def _bar(self, mark: Mark, left: float) -> None:
        baseline = self.top + BODY * LEADING
        top, middle, length = baseline - 0.8 * BODY, left + BAR_WIDTH / 2, mark.share * BAR_WIDTH / 2
        if mark.value > 0:
            self.canvas.box(middle, top, length, BODY, FOR)
        elif mark.value < 0:
            self.canvas.box(middle - length, top, length, BODY, AGAINST, hatched=True)
        self.canvas.line((middle, top - 2), (middle, top + BODY + 2), QUIET)
        self.canvas.text(left + BAR_WIDTH + GAP / 2, baseline, mark.number, SMALL, INK)


def _columns(drawn: Picture) -> list[tuple[float, float]]:
    """Where each begins and ends."""
    room = WIDTH - 2 * MARGIN
    if drawn.columns:
        width = (room - GAP) / 2
        return [(MARGIN, MARGIN + width), (WIDTH - MARGIN - width, WIDTH - MARGIN)]
    return [(MARGIN, MARGIN + room * (BARS_SHARE if drawn.bars else 1))]
