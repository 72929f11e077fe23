"""The sums of BiMPM's matching (Wang et al., 2017, https://arxiv.org/abs/1702.03814), of matchers that are alike and of
both texts at once, to be run by TorchScript.

A cosine in a perspective weighs each dimension of both vectors by the same number, so its product and norms are
products with the squares of the weights, and no vector is laid out once for each perspective.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from models.highest import highest


def _squares(weight: Tensor) -> Tensor:
    """(..., perspectives, dim) -> (..., dim, 1 + perspectives): the first column sees all dimensions alike."""
    return torch.cat([torch.ones_like(weight[..., :1, :]), weight], dim=-2).square().transpose(-1, -2)


def _norms(vectors: Tensor, squares: Tensor, least: float = 1e-16) -> Tensor:
    """(..., rows, dim) -> (..., rows, columns of `squares`); at least the 1e-8 of torch's cosine."""
    return vectors.square().matmul(squares).clamp(min=least).sqrt()


def _match(texts: Tensor, matched: Tensor, squares: Tensor) -> Tensor:
    """Each position with what stands for the other text there: (matchers, 2, batch, length, dim), (matchers, 2, kinds,
    batch, length, dim) -> cosines (matchers, 2, kinds, batch, length, 1 + perspectives). `squares` (matchers, 2, kinds,
    dim, 1 + perspectives)."""
    # (..., batch, length, dim) -> (..., batch * length, dim)
    own, others = texts.flatten(2, 3), matched.flatten(3, 4)
    # (matchers, 2, kinds, dim, columns) -> (matchers, 2, dim, kinds * columns)
    of_all_kinds = squares.transpose(2, 3).flatten(3)
    # (matchers, 2, batch * length, kinds * columns) -> (matchers, 2, kinds, batch * length, columns)
    own_norms = _norms(own, of_all_kinds).unflatten(3, [squares.size(2), -1]).transpose(2, 3)
    cosines = (own.unsqueeze(2) * others).matmul(squares) / (own_norms * _norms(others, squares))
    # (..., batch * length, columns) -> (..., batch, length, columns)
    return cosines.unflatten(3, [texts.size(2), -1])


def _products(texts1: Tensor, texts2: Tensor, squares: Tensor) -> Tensor:
    """Each position with each: twice (matchers, batch, length, dim), (matchers, dim, columns) -> (matchers, batch,
    length, length, columns)."""
    if texts2.size(2) <= squares.size(2):
        pairs = texts1.unsqueeze(3) * texts2.unsqueeze(2)  # (matchers, batch, length, length, dim)
        # (matchers, batch * length * length, columns) -> (matchers, batch, length, length, columns)
        return pairs.flatten(1, 3).matmul(squares).unflatten(1, [pairs.size(1), pairs.size(2), pairs.size(3)])
    # (matchers, batch, columns, length, dim)
    weighted = texts1.unsqueeze(2) * squares.transpose(1, 2).unsqueeze(1).unsqueeze(3)
    # (matchers, batch, columns, length, length) -> (matchers, batch, length, length, columns)
    return weighted.matmul(texts2.transpose(2, 3).unsqueeze(2)).permute(0, 1, 3, 4, 2)


def _of_pairs(texts: Tensor, weight: Tensor, tiny: float = 1e-13) -> Tensor:
    """(matchers, 2, batch, length, dim), (matchers, perspectives, dim) -> of each position of both texts with each of
    the other (matchers, 2, batch, length, length, perspectives)."""
    squares = weight.square().transpose(1, 2)  # (matchers, dim, perspectives)
    norms = _norms(texts, squares.unsqueeze(1).unsqueeze(1), 1e-30)  # (matchers, 2, batch, length, perspectives)
    norms_of_pairs = norms[:, 0].unsqueeze(3) * norms[:, 1].unsqueeze(2)
    return _both_ways(_products(texts[:, 0], texts[:, 1], squares) / norms_of_pairs.clamp(min=tiny))


def _both_ways(pairs: Tensor) -> Tensor:
    """(matchers, batch, length1, length2, ...) -> (matchers, 2, batch, length, length, ...), own positions first."""
    return torch.stack([pairs, pairs.transpose(2, 3)], dim=1)


def _softmax(values: Tensor, mask: Tensor, tiny: float = 1e-13) -> Tensor:
    """(..., length, dim), (..., length, 1): over the last dimension; zeros where masked."""
    found = (values * mask).softmax(dim=-1) * mask
    return found / (found.sum(dim=-1, keepdim=True) + tiny)


def _ends(texts: Tensor, mask: Tensor, ways: list[bool]) -> Tensor:
    """Where each matcher's encoder ended: (matchers, 2, batch, length, dim), (2, batch, length, 1) -> (matchers, 2,
    batch, 1, dim)."""
    last = (mask.sum(dim=2, keepdim=True) - 1).clamp(min=0).expand(-1, -1, 1, texts.size(4))  # (2, batch, 1, dim)
    ends: list[Tensor] = []
    for matcher in range(len(ways)):
        text = texts[matcher]
        ends.append(text.gather(2, last) if ways[matcher] else text[:, :, :1])
    return torch.stack(ends)


def _both_texts(parts1: list[Tensor], parts2: list[Tensor]) -> Tensor:
    """(batch, length1, dim), (batch, length2, dim) of each matcher -> (matchers, 2, batch, longer length, dim)."""
    texts1, texts2 = torch.stack(parts1), torch.stack(parts2)
    missing = texts1.size(2) - texts2.size(2)
    if missing > 0:
        texts2 = functional.pad(texts2, [0, 0, 0, missing])
    elif missing < 0:
        texts1 = functional.pad(texts1, [0, 0, 0, -missing])
    return torch.stack([texts1, texts2], dim=1)


class Given(NamedTuple):
    """Two texts, and matchers that are alike."""

    parts1: list[Tensor]
    """For each matcher (batch, length1, dim)."""
    mask1: Tensor
    """(batch, length1)"""
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
    """Both texts, each position of one with each of the other."""

    texts: Tensor
    """(matchers, 2, batch, length, dim), zero where masked."""
    others: Tensor
    """The other text of each."""
    mask: Tensor
    """(2, batch, length, 1)"""
    away: Tensor
    """(1, 2, batch, 1, length of the other): 0, or far below any number where there is no other."""
    cosines: Tensor
    """(matchers, 2, batch, length, length of the other)"""
    pairs: Tensor | None
    """The same in each perspective of maxpool matching: (..., perspectives)."""


def compare(given: Given, far: float = -1e30) -> Compared:
    mask = _both_texts([given.mask1.unsqueeze(2)], [given.mask2.unsqueeze(2)])[0]
    texts = _both_texts(given.parts1, given.parts2) * mask
    norms = texts.square().sum(dim=4).clamp(min=1e-16).sqrt()  # (matchers, 2, batch, length)
    products = texts[:, 0].matmul(texts[:, 1].transpose(2, 3))  # (matchers, batch, length, length)
    cosines = _both_ways(products / (norms[:, 0].unsqueeze(3) * norms[:, 1].unsqueeze(2)))
    # (2, batch, length, 1) -> (1, 2, batch, 1, length of the other)
    missing = (~mask).flip(0).transpose(2, 3).unsqueeze(0)
    pairs = _of_pairs(texts, torch.stack(given.maxpool)) if len(given.maxpool) > 0 else None
    return Compared(texts, texts.flip(1), mask, missing.to(texts.dtype) * far, cosines, pairs)


def _highest(values: Tensor, away: Tensor) -> Tensor:
    """Over the positions of the other text: (matchers, 2, batch, length, length of the other, ...)."""
    return highest(values + away, 4)


def _mean(values: Tensor, mask: Tensor, tiny: float = 1e-13) -> Tensor:
    """The same of what is zero where masked; `mask` (2, batch, length of the other, 1)."""
    count = mask.sum(dim=2, keepdim=True).to(values.dtype).clamp(min=tiny)  # (2, batch, 1, 1)
    return values.sum(dim=4) / (count if values.dim() == 6 else count.squeeze(3))


def collect(given: Given, compared: Compared, seen: Tensor | None) -> tuple[Tensor, Tensor]:
    """(batch, length1, matchers * matchings), (batch, length2, matchers * matchings). `seen` is what the greatest
    attention sees of the other text (matchers, 2, batch, length, dim)."""
    texts, others, mask, away, cosines, pairs = compared
    other_mask = mask.flip(0)
    found = [_highest(cosines, away).unsqueeze(4), _mean(cosines, other_mask).unsqueeze(4)]
    full, attentive, _ = given.kinds
    matched: list[Tensor] = []
    if full:
        matched.append(_ends(others, other_mask, given.ways).expand_as(texts))
    if attentive:
        matched.append(_softmax(cosines.matmul(others), mask))
    if seen is not None:
        matched.append(seen)
    of_kinds: list[Tensor] = []  # each (matchers, 2, batch, length, 1 + perspectives)
    if len(matched) > 0:
        of_kinds += _match(texts, torch.stack(matched, dim=2), _squares(torch.stack(given.weights))).unbind(2)
    if full:
        found.append(of_kinds[0])
    if pairs is not None:
        found += [_highest(pairs, away.unsqueeze(5)), _mean(pairs, other_mask)]
    found += of_kinds[1 if full else 0 :]
    # (matchers, 2, batch, length, matchings) -> (2, batch, length, matchers * matchings)
    sides = torch.cat(found, dim=4).permute(1, 2, 3, 0, 4).flatten(3)
    return sides[0, :, : given.mask1.size(1)], sides[1, :, : given.mask2.size(1)]
