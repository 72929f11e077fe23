"""Texts of a padded batch laid one after the other, for layers that work token by token; and attention over them.

Inside, the texts are sorted by length. In blocks of about one length, the little padding of each lies among the tokens:
layers are sooner done with it than it is left out and put back around every attention. In one block for all, which a
GPU likes better than many calls, the attention alone sees padding.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Block(NamedTuple):
    """Neighbouring texts of about one length, which go through the attention as one padded batch."""

    row: int
    rows: int
    """Where its texts begin, and how many there are."""
    token: int
    tokens: int
    """The same of their tokens among the packed ones."""
    length: int
    places: Tensor | None = None
    """(tokens,) where the tokens go among the padded positions; None without padding."""
    mask: Tensor | None = None
    """(rows, 1, 1, length) what is attended to; None for all of it."""


class Packing(NamedTuple):
    order: Tensor
    """(batch,) which text of the batch is where."""
    places: Tensor
    """(tokens,) where the packed tokens come from among the padded positions."""
    firsts: Tensor
    """(batch,) where each text begins among the packed tokens."""
    blocks: list[Block]


def packing_of(mask: Tensor, in_blocks: bool = True) -> Packing:
    """Of a (batch, length) mask that is True where a token is to be attended to; the first position is always kept.
    `in_blocks` of about one length, or all texts in one."""
    batch, length = mask.size(0), mask.size(1)
    positions = torch.arange(length, device=mask.device)  # (length,)
    if bool(mask.all()):
        order, places = torch.arange(batch, device=mask.device), torch.arange(batch * length, device=mask.device)
        return Packing(order, places, order * length, [Block(0, batch, 0, batch * length, length)])
    kept = mask.clone()  # (batch, length)
    kept[:, 0] = True
    counts, order = kept.sum(dim=1).sort(stable=True)  # (batch,), (batch,)
    kept, mask = kept[order], mask[order]
    sizes: list[int] = counts.tolist()
    ends: list[int] = (kept * (positions + 1)).amax(dim=1).tolist()
    cuts = [0, batch]
    if in_blocks:
        cuts = _cuts(sizes, ends)
        sizes = _filled(cuts, ends)
        counts = torch.tensor(sizes, device=mask.device)  # (batch,)
        kept = positions < counts.unsqueeze(1)  # (batch, length)
    places = (order.unsqueeze(1) * length + positions)[kept]  # (tokens,)
    blocks = [_block(cuts[number], cuts[number + 1], sizes, ends, kept, mask) for number in range(len(cuts) - 1)]
    return Packing(order, places, counts.cumsum(dim=0) - counts, blocks)


def _cuts(sizes: list[int], ends: list[int], most_padding: float = 1.07) -> list[int]:
    """Between rows, shortest first, where one more would need more padded positions over tokens in one block, as calls
    of the attention are not free either; before the first row and behind the last."""
    cuts, tokens, length = [0], 0, 0
    for row in range(len(sizes)):
        longer = max(length, ends[row])
        if row > cuts[-1] and (row + 1 - cuts[-1]) * longer > most_padding * (tokens + sizes[row]):
            cuts.append(row)
            tokens, longer = 0, ends[row]
        tokens, length = tokens + sizes[row], longer
    cuts.append(len(sizes))
    return cuts


def _filled(cuts: list[int], ends: list[int]) -> list[int]:
    """How many positions each row has, once its block's padding is among them."""
    sizes: list[int] = []
    for number in range(len(cuts) - 1):
        start, stop = cuts[number], cuts[number + 1]
        sizes += [max(ends[start:stop])] * (stop - start)
    return sizes


def _block(start: int, stop: int, sizes: list[int], ends: list[int], kept: Tensor, mask: Tensor) -> Block:
    length = max(ends[start:stop])
    tokens = sum(sizes[start:stop])
    kept, mask = kept[start:stop, :length], mask[start:stop, :length]  # (rows, length)
    full = tokens == kept.numel()
    places = None if full else kept.flatten().nonzero().squeeze(1)  # (tokens,)
    attended = None if bool(mask.all()) else mask.unsqueeze(1).unsqueeze(1)  # (rows, 1, 1, length)
    return Block(start, stop - start, sum(sizes[:start]), tokens, length, places, attended)


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, blocks: list[Block]) -> Tensor:
    """(tokens, hidden) each -> (tokens, hidden)"""
    return torch.cat(
        [
            _join(block, _attention(block, _split(block, query, heads), key, value, heads))  # (tokens, hidden)
            for block in blocks
        ]
    )


def attend_first(query: Tensor, key: Tensor, value: Tensor, heads: int, blocks: list[Block]) -> Tensor:
    """A (batch, hidden) query of each text's first position -> (batch, hidden)"""
    queries = query.unflatten(1, [heads, 1, -1])  # (batch, heads, 1, hidden / heads)
    return torch.cat(
        [
            _attention(block, queries.narrow(0, block.row, block.rows), key, value, heads).flatten(1)  # (rows, hidden)
            for block in blocks
        ]
    )


def _attention(block: Block, queries: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """(rows, heads, queries, dim)"""
    return functional.scaled_dot_product_attention(
        queries, _split(block, key, heads), _split(block, value, heads), attn_mask=block.mask
    )


def _split(block: Block, packed: Tensor, heads: int) -> Tensor:
    """(all tokens, hidden) -> (rows, heads, length, hidden / heads)"""
    own = packed.narrow(0, block.token, block.tokens)  # (tokens, hidden)
    places = block.places
    if places is not None:
        # (rows * length, hidden)
        own = own.new_zeros([block.rows * block.length, own.size(1)]).index_copy(0, places, own)
    return own.unflatten(1, [heads, -1]).unflatten(0, [-1, block.length]).transpose(1, 2)


def _join(block: Block, context: Tensor) -> Tensor:
    """(rows, heads, length, hidden / heads) -> (tokens, hidden)"""
    positions = context.transpose(1, 2).flatten(2).flatten(0, 1)  # (rows * length, hidden)
    places = block.places
    return positions if places is None else positions.index_select(0, places)
