"""The order in which the steps of recurrent layers take texts of several lengths, when they are explained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from models.line import Line, line_of


@dataclass(frozen=True, eq=False)
class RowOrder:
    """The longest text first, all points of a line together: those that have a step are the first rows of it."""

    lengths: Tensor
    """(lines,) steps of each; a row that is no point of a line is a line of its own."""
    order: Tensor | None
    """(lines,) where each came from; None where all are as long and as they came."""
    longest: int
    line: Line | None
    """Whose points the rows are."""

    @classmethod
    def of(cls, inputs: Tensor, lengths: Tensor) -> RowOrder:
        """(batch, time, input), (batch,) of at least 1."""
        line = line_of(inputs)
        if line is not None:
            lengths = line.once(lengths)
        shortest, longest = (int(bound) for bound in lengths.aminmax())
        if shortest == longest:
            return cls(lengths, None, longest, line)
        return cls(*lengths.sort(descending=True, stable=True), longest, line)

    @property
    def points(self) -> int:
        """Rows of a line."""
        return 1 if self.line is None else self.line.alphas.size(1)

    @cached_property
    def sizes(self) -> list[int]:
        """How many lines have each step."""
        if self.order is None:
            return [len(self.lengths)] * self.longest
        counts: list[int] = (self.lengths > self._steps).sum(dim=1).tolist()
        return counts

    @cached_property
    def turned(self) -> Tensor | None:
        """Where each text's steps are once it is turned within its own length: (time, lines); None where all are of the
        same length. Padding comes last either way, and nothing needs a mask."""
        if self.order is None:
            return None
        turned = self.lengths - 1 - self._steps
        return torch.where(turned < 0, self._steps, turned)

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
        rank = torch.arange(len(self.lengths), device=rows.device)
        if self.order is not None:
            rank = torch.empty_like(rank).index_copy(0, self.order, rank)
        # (lines, texts) -> (lines, points, texts) -> (batch,)
        places = rank.view(-1, 1, texts) * self.points + torch.arange(self.points, device=rows.device).unsqueeze(1)
        return rows.index_select(dim, places.flatten())

    def _each(self, of_lines: Tensor) -> Tensor:
        """(..., lines) -> (..., rows)"""
        return of_lines.unsqueeze(-1).expand(*of_lines.shape, self.points).flatten(-2)

    @property
    def _steps(self) -> Tensor:
        return torch.arange(self.longest, device=self.lengths.device).unsqueeze(1)
