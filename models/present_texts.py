"""Lists of texts, when they are explained, without the texts that only fill up the shorter lists.

All points of a path between embeddings fill them up alike, so what nobody reads would be computed at every point.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from models.line import Line, line_of


class PresentTexts(NamedTuple):
    """Texts out of lists that are points of lines, each text a line of its own."""

    inputs: Tensor
    """(texts * points, tokens, dim), which `line_of` knows."""
    lists: Line
    place: Tensor
    """(texts,) the number of each among those of all lists."""

    def of_each(self, rows: Tensor) -> Tensor:
        """Theirs, of what all points of a text share: (lists * points, texts of a list, ...) -> (texts * points,
        ...)."""
        # (lists * points, texts, ...) -> (lists * texts, ...) -> (texts * points, ...)
        return self.lists.once(rows.flatten(0, 1))[self.place].repeat_interleave(self.lists.alphas.size(1), dim=0)

    def in_lists(self, vectors: Tensor) -> Tensor:
        """(texts * points, dim) -> (lists * points, texts of a list, dim), zeros where there is none."""
        lines, points = self.lists.alphas.shape
        vectors = vectors.unflatten(0, (-1, points))  # (texts, points, dim)
        filled = vectors.new_zeros(lines * self.lists.texts, *vectors.shape[1:]).index_copy(0, self.place, vectors)
        # (lists * texts, points, dim) -> (lists, texts, points, dim) -> (lists * points, texts, dim)
        return filled.unflatten(0, (lines, -1)).transpose(1, 2).flatten(0, 1)


def present_texts(inputs: Tensor, mask: Tensor) -> PresentTexts | None:
    """(batch, texts, tokens, dim), (batch, texts, tokens). None where they are no points of lines, or where no list is
    shorter than others."""
    lists = line_of(inputs)
    if lists is None:
        return None
    # (batch, texts, tokens) -> (lists, texts)
    there = lists.once(mask.any(dim=-1).flatten()).unflatten(0, (-1, lists.texts))
    # What has no tokens in the middle of a list is one of its texts.
    there = there.flip(1).cummax(dim=1).values.flip(1).flatten()
    if bool(there.all()):
        return None
    place = there.nonzero().squeeze(1)
    start, way = (ends[place] for ends in lists.ends())
    lines = Line(start, way, lists.alphas.repeat_interleave(lists.texts, dim=0)[place])
    return PresentTexts(lines.points(), lists, place)
