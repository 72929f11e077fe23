"""The order in which the steps of recurrent layers take texts of several lengths, when they are explained."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from models.line import Line, line_of
from models.scripted import scripted


@scripted
def _longest_first(lengths: Tensor) -> tuple[Tensor, Tensor | None, int, list[int], Tensor | None]:
    """What RowOrder says of texts of these lengths (lines,)."""
    shortest, longest = int(lengths.amin()), int(lengths.amax())
    if shortest == longest:
        return lengths, None, longest, [lengths.size(0)] * longest, None
    lengths, order = lengths.sort(descending=True, stable=True)
    steps = torch.arange(longest, device=lengths.device).unsqueeze(1)  # (time, 1)
    sizes: list[int] = (lengths > steps).sum(dim=1).tolist()
    turned = lengths - 1 - steps  # (time, lines)
    return lengths, order, longest, sizes, torch.where(turned < 0, steps, turned)


@scripted
def _places(order: Tensor | None, lengths: Tensor, points: int, texts: int) -> Tensor:
    """Where each row of the batch is among the rows in this order (lines,): (batch,). Of neighbouring lines so many
    `texts` belong to one instance."""
    rank = torch.arange(lengths.size(0), device=lengths.device)  # (lines,)
    if order is not None:
        rank = torch.empty_like(rank).index_copy(0, order, rank)
    # (instances, 1, texts) -> (instances, points, texts) -> (batch,)
    rank = rank.view(-1, 1, texts) * points
    return (rank + torch.arange(points, device=lengths.device).unsqueeze(1)).flatten()


@dataclass(frozen=True, eq=False)
class RowOrder:
    """The longest text first, all points of a line together: those that have a step are the first rows of it."""

    lengths: Tensor
    """(lines,) steps of each; a row that is no point of a line is a line of its own."""
    order: Tensor | None
    """(lines,) where each came from; None where all are as long and as they came."""
    longest: int
    sizes: list[int]
    """How many lines have each step."""
    turned: Tensor | None
    """Where each text's steps are once it is turned within its own length: (time, lines); None where all are of the
    same length. Padding comes last either way, and nothing needs a mask."""
    line: Line | None
    """Whose points the rows are."""

    @classmethod
    def of(cls, inputs: Tensor, lengths: Tensor) -> "RowOrder":
        """(batch, time, input), (batch,) of at least 1."""
        line = line_of(inputs)
        return cls(*_longest_first(lengths if line is None else line.once(lengths)), line)

    @property
    def points(self) -> int:
        """Rows of a line."""
        return 1 if self.line is None else self.line.alphas.size(1)

    @cached_property
    def turned_rows(self) -> Tensor | None:
        """The same for each row: (time, rows)."""
        return None if self.turned is None else self._each(self.turned)

    @property
    def last(self) -> Tensor:
        """(rows,) the last step of each."""
        return self._each(self.lengths) - 1

    def ordered(self, lines: Tensor, dim: int = 0) -> Tensor:
        """As they came -> in order, along a dimension."""
        return lines if self.order is None else lines.index_select(dim, self.order)

    def as_they_came(self, rows: Tensor, dim: int) -> Tensor:
        """The rows along a dimension in the order of the batch, where the points of neighbouring texts come mixed."""
        texts = 1 if self.line is None else self.line.texts
        if self.order is None and (texts == 1 or self.points == 1):
            return rows
        return rows.index_select(dim, _places(self.order, self.lengths, self.points, texts))

    def _each(self, of_lines: Tensor) -> Tensor:
        """(..., lines) -> (..., rows)"""
        return of_lines.repeat_interleave(self.points, dim=-1)
