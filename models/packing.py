"""Texts of a padded batch laid one after the other, for layers that work token by token; and attention over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

MOST_PADDING = 1.1
"""Padded positions over tokens in one call of the attention; calls are not free either."""


@dataclass(frozen=True)
class Block:
    """Neighbouring texts of about one length, which go through the attention as one padded batch."""

    rows: slice
    tokens: slice
    """Where they lie among the packed tokens."""
    length: int
    places: Tensor | None = None
    """(tokens,) where the tokens go among the padded positions; None without padding."""
    mask: Tensor | None = None
    """(rows, 1, 1, length) what is attended to; None for all of it."""

    def split(self, packed: Tensor, heads: int) -> Tensor:
        """(all tokens, hidden) -> (rows, heads, length, hidden / heads)"""
        own = packed[self.tokens]  # (tokens, hidden)
        if self.places is not None:
            positions = (self.rows.stop - self.rows.start) * self.length
            own = own.new_zeros(positions, own.size(1)).index_copy(0, self.places, own)  # (rows * length, hidden)
        return own.unflatten(1, (heads, -1)).unflatten(0, (-1, self.length)).transpose(1, 2)

    def join(self, context: Tensor) -> Tensor:
        """(rows, heads, length, hidden / heads) -> (tokens, hidden)"""
        positions = context.transpose(1, 2).flatten(2).flatten(0, 1)  # (rows * length, hidden)
        return positions if self.places is None else positions.index_select(0, self.places)


class Packing:
    """Of a (batch, length) mask that is True where a token is to be attended to; the first position is always kept.

    Inside, the texts are sorted by length.
    """

    def __init__(self, mask: Tensor) -> None:
        batch, length = mask.shape
        if bool(mask.all()):
            self._order, self._places = None, None
            self.firsts = torch.arange(0, batch * length, length, device=mask.device)  # (batch,)
            self.blocks = [Block(slice(0, batch), slice(0, batch * length), length)]
            return
        kept = mask.clone()  # (batch, length)
        kept[:, 0] = True
        counts, self._order = kept.sum(dim=1).sort(stable=True)  # (batch,), (batch,)
        kept, mask = kept[self._order], mask[self._order]
        positions = torch.arange(length, device=mask.device)  # (length,)
        self._places = (self._order.unsqueeze(1) * length + positions)[kept]
        """(tokens,) where the packed tokens come from among the padded positions."""
        self.firsts = counts.cumsum(dim=0) - counts  # (batch,)
        sizes, ends = counts.tolist(), (kept * (positions + 1)).amax(dim=1).tolist()
        rows = _neighbours(sizes, ends) if mask.device.type == "cpu" else [slice(0, batch)]
        self.blocks = [_block(one, sizes, ends, kept, mask) for one in rows]

    def pack(self, padded: Tensor) -> Tensor:
        """(batch, length, hidden) -> (tokens, hidden)"""
        positions = padded.flatten(0, 1)  # (batch * length, hidden)
        return positions if self._places is None else positions.index_select(0, self._places)

    def unsorted(self, vectors: Tensor) -> Tensor:
        """(batch, hidden), one vector of each text -> the same in the order of the batch"""
        return vectors if self._order is None else torch.empty_like(vectors).index_copy(0, self._order, vectors)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        """(tokens, hidden) each -> (tokens, hidden)"""
        return torch.cat(
            [
                block.join(_attention(block, block.split(query, heads), key, value, heads))  # (tokens, hidden)
                for block in self.blocks
            ]
        )

    def attend_first(self, query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        """A (batch, hidden) query of each text's first position -> (batch, hidden)"""
        queries = query.unflatten(1, (heads, 1, -1))  # (batch, heads, 1, hidden / heads)
        return torch.cat(
            [
                _attention(block, queries[block.rows], key, value, heads).flatten(1)  # (rows, hidden)
                for block in self.blocks
            ]
        )


def _attention(block: Block, queries: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """(rows, heads, queries, dim)"""
    return functional.scaled_dot_product_attention(
        queries, block.split(key, heads), block.split(value, heads), attn_mask=block.mask
    )


def _neighbours(sizes: Sequence[int], ends: Sequence[int]) -> Iterator[slice]:
    """Rows, shortest first, cut where one more would need too much padding."""
    start, tokens, length = 0, 0, 0
    for row, (size, end) in enumerate(zip(sizes, ends, strict=True)):
        longer = max(length, end)
        if row > start and (row + 1 - start) * longer > MOST_PADDING * (tokens + size):
            yield slice(start, row)
            start, tokens, longer = row, 0, end
        tokens, length = tokens + size, longer
    yield slice(start, len(sizes))


def _block(rows: slice, sizes: Sequence[int], ends: Sequence[int], kept: Tensor, mask: Tensor) -> Block:
    length = max(ends[rows])
    first = sum(sizes[: rows.start])
    tokens = slice(first, first + sum(sizes[rows]))
    kept, mask = kept[rows, :length], mask[rows, :length]  # (rows, length)
    full = tokens.stop - tokens.start == kept.numel()
    places = None if full else kept.flatten().nonzero().squeeze(1)  # (tokens,)
    attended = None if full and bool(mask.all()) else mask[:, None, None]  # (rows, 1, 1, length)
    return Block(rows, tokens, length, places, attended)
