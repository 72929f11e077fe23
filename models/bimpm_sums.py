"""The sums of BiMPM's matching (Wang et al., 2017, https://arxiv.org/abs/1702.03814), of matchers that are alike and of
both texts at once, to be run by TorchScript.

A cosine in a perspective weighs each dimension of both vectors by the same number, so its product and norms are
products with the squares of the weights, and no vector is laid out once for each perspective. The rows of the batch are
the last dimension of all tensors here: there are many of them, where a text has few positions and dimensions, and so
every operation runs along them.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from models.highest import highest


class Given(NamedTuple):
    """Two texts, and matchers that are alike."""

    parts1: list[Tensor]
    """For each matcher (rows, length1, dim)."""
    mask1: Tensor
    """(rows, length1)"""
    parts2: list[Tensor]
    mask2: Tensor
    maxpool: list[Tensor]
    """Weights of maxpool matching (perspectives, dim), where they have it."""
    weights: list[Tensor]
    """Those of the kinds that there are (2, kinds, perspectives, dim)."""
    kinds: tuple[bool, bool, bool]
    """Whether they match in full, attentively and with the greatest attention."""
    ways: list[bool]
    """True for forward matchers."""


class Compared(NamedTuple):
    """Both texts, each position of one with each of the other, in the perspectives of maxpool matching behind the one
    that sees all dimensions alike."""

    texts: Tensor
    """(matchers, 2, dim, length, rows), zero where masked."""
    others: Tensor
    """The other text of each."""
    mask: Tensor
    """(2, length, rows)"""
    away: Tensor
    """(2, length of the other, rows): 0, or far below any number where there is no other."""
    cosines: Tensor
    """(matchers, perspectives, length1, length2, rows)"""
    factors: Tensor
    """Those that see all dimensions alike (matchers, 2, length, length of the other, rows)."""


def _squares(weight: Tensor) -> Tensor:
    """(..., perspectives, dim) -> (..., 1 + perspectives, dim): the first sees all dimensions alike."""
    return torch.cat([torch.ones_like(weight[..., :1, :]), weight], dim=-2).square()


def _weighted(squares: Tensor, products: Tensor) -> Tensor:
    """(..., perspectives, dim), (..., dim, length, rows) -> (..., perspectives, length, rows)"""
    return squares.matmul(products.flatten(-2)).unflatten(-1, [products.size(-2), products.size(-1)])


def _both_texts(parts1: list[Tensor], parts2: list[Tensor]) -> Tensor:
    """(rows, length1, dim), (rows, length2, dim) of each matcher -> (matchers, 2, dim, longer length, rows)."""
    # (matchers, rows, length, dim) -> (matchers, dim, length, rows)
    texts1, texts2 = torch.stack(parts1).transpose(1, 3), torch.stack(parts2).transpose(1, 3)
    missing = texts1.size(2) - texts2.size(2)
    if missing > 0:
        texts2 = functional.pad(texts2, [0, 0, 0, missing])
    elif missing < 0:
        texts1 = functional.pad(texts1, [0, 0, 0, -missing])
    return torch.stack([texts1, texts2], dim=1)


def _products(text1: Tensor, text2: Tensor, squares: Tensor) -> Tensor:
    """Each position with each: twice (matchers, dim, length, rows), (matchers, perspectives, dim) -> (matchers,
    perspectives, length1, length2, rows)."""
    if text2.size(2) <= squares.size(1):
        pairs = text1.unsqueeze(3) * text2.unsqueeze(2)  # (matchers, dim, length1, length2, rows)
        return _weighted(squares, pairs.flatten(2, 3)).unflatten(2, [text1.size(2), text2.size(2)])
    # (matchers, dim, length, rows) -> (matchers, rows, 1, length, dim), and the other way round
    left, right = text1.permute(0, 3, 2, 1).unsqueeze(2), text2.permute(0, 3, 1, 2).unsqueeze(2)
    # (matchers, rows, perspectives, length1, length2) -> (matchers, perspectives, length1, length2, rows)
    return (left * squares.unsqueeze(1).unsqueeze(3)).matmul(right).permute(0, 2, 3, 4, 1).contiguous()


def _limits(columns: int, like: Tensor, first: float, others: float) -> Tensor:
    """(columns, 1, 1): AllenNLP has other least norms for maxpool matching."""
    limits = torch.full([columns, 1, 1], others, dtype=like.dtype, device=like.device)
    limits[0] = first
    return limits


def compare(given: Given, far: float = -1e30) -> Compared:
    mask = _both_texts([given.mask1.unsqueeze(2)], [given.mask2.unsqueeze(2)])[0, :, 0]  # (2, length, rows)
    texts = _both_texts(given.parts1, given.parts2) * mask.unsqueeze(1)
    if len(given.maxpool) > 0:
        squares = _squares(torch.stack(given.maxpool))
    else:
        squares = torch.ones_like(texts[:, 0, :, :1, 0]).transpose(1, 2)  # (matchers, 1, dim)
    columns = squares.size(1)
    # (matchers, 2, perspectives, length, rows)
    norms = torch.maximum(_weighted(squares.unsqueeze(1), texts.square()), _limits(columns, texts, 1e-16, 1e-30)).sqrt()
    # (matchers, perspectives, length1, length2, rows)
    norms_of_pairs = norms[:, 0].unsqueeze(3) * norms[:, 1].unsqueeze(2)
    norms_of_pairs = torch.maximum(norms_of_pairs, _limits(columns, texts, 0.0, 1e-13).unsqueeze(3))
    cosines = _products(texts[:, 0], texts[:, 1], squares) / norms_of_pairs
    alike = cosines[:, 0]  # (matchers, length1, length2, rows)
    factors = torch.stack([alike, alike.transpose(1, 2)], dim=1)
    away = (~mask).flip(0).to(texts.dtype) * far
    return Compared(texts, texts.flip(1), mask, away, cosines, factors)


def _ends(texts: Tensor, mask: Tensor, ways: list[bool]) -> Tensor:
    """Where each matcher's encoder ended: (matchers, 2, dim, length, rows), (2, length, rows) -> (matchers, 2, dim, 1,
    rows)."""
    last = (mask.sum(dim=1) - 1).clamp(min=0)  # (2, rows)
    last = last.unsqueeze(1).unsqueeze(1).expand(-1, texts.size(2), -1, -1)  # (2, dim, 1, rows)
    ends: list[Tensor] = []
    for matcher in range(len(ways)):
        text = texts[matcher]
        ends.append(text.gather(2, last) if ways[matcher] else text[:, :, :1])
    return torch.stack(ends)


def _match(texts: Tensor, matched: Tensor, squares: Tensor) -> Tensor:
    """Each position with what stands for the other text there: (matchers, 2, dim, length, rows), (matchers, 2, kinds,
    dim, length, rows) -> cosines (matchers, 2, kinds, 1 + perspectives, length, rows). `squares` (matchers, 2, kinds,
    1 + perspectives, dim)."""
    kinds = squares.size(2)
    # (matchers, 2, kinds, columns, dim) -> (matchers, 2, kinds * columns, dim)
    own_norms = _weighted(squares.flatten(2, 3), texts.square()).clamp(min=1e-16).sqrt()
    other_norms = _weighted(squares, matched.square()).clamp(min=1e-16).sqrt()
    products = _weighted(squares, texts.unsqueeze(2) * matched)
    # (matchers, 2, kinds * columns, ...) -> (matchers, 2, kinds, columns, ...)
    return products / (own_norms.unflatten(2, [kinds, -1]) * other_norms)


def _of_both(of_first: Tensor, of_second: Tensor) -> Tensor:
    """Twice (matchers, perspectives, length, rows) -> (matchers, 2, perspectives, length, rows)."""
    return torch.stack([of_first, of_second], dim=1)


def collect(given: Given, compared: Compared, seen: list[Tensor]) -> tuple[Tensor, Tensor]:
    """(rows, length1, matchers * matchings), (rows, length2, matchers * matchings). `seen` is what each position sees
    of the other text, its sums and its highest, each (matchers, 2, dim, length, rows); empty where nobody asks."""
    texts, others, mask, away, cosines, _ = compared
    count = mask.sum(dim=1).to(texts.dtype).clamp(min=1e-13)  # (2, rows)
    # Over the positions of the other text: (matchers, perspectives, length1, length2, rows) -> (..., length, rows)
    top = _of_both(highest(cosines + away[0], 3), highest(cosines + away[1].unsqueeze(1), 2))
    mean = _of_both(cosines.sum(dim=3) / count[1], cosines.sum(dim=2) / count[0])
    full, attentive, most_attentive = given.kinds
    matched: list[Tensor] = []
    if full:
        matched.append(_ends(others, mask.flip(0), given.ways).expand_as(texts))
    if attentive:
        matched.append(seen[0].softmax(dim=2))
    if most_attentive:
        matched.append(seen[1])
    of_kinds: list[Tensor] = []  # each (matchers, 2, 1 + perspectives, length, rows)
    if len(matched) > 0:
        of_kinds += _match(texts, torch.stack(matched, dim=2), _squares(torch.stack(given.weights))).unbind(2)
    found = [top[:, :, :1], mean[:, :, :1]]
    if full:
        found.append(of_kinds[0])
    if len(given.maxpool) > 0:
        found += [top[:, :, 1:], mean[:, :, 1:]]
    found += of_kinds[1 if full else 0 :]
    # (matchers, 2, matchings, length, rows) -> (2, rows, length, matchers * matchings)
    side1, side2 = torch.cat(found, dim=2).permute(1, 4, 3, 0, 2).flatten(3).unbind(0)
    return side1[:, : given.mask1.size(1)], side2[:, : given.mask2.size(1)]
