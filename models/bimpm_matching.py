"""BiMPM's matching layer (Wang et al., 2017, https://arxiv.org/abs/1702.03814): AllenNLP's, in one call of TorchScript
for all matchers.

The same parameters and numbers. A cosine in a perspective weighs each dimension of both vectors by the same number, so
its product and norms are products with the squares of the weights, and no vector is laid out once for each perspective.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from models.allennlp_compat import BiMpmMatching as AllenNlpMatching
from models.original_slopes import original_slopes_wanted
from models.scripted import scripted


class Weights(NamedTuple):
    """Of the matchings that there are: (perspectives, dim) each, of the first text and of the second."""

    full: tuple[Tensor, Tensor] | None
    maxpool: Tensor | None
    attentive: tuple[Tensor, Tensor] | None
    max_attentive: tuple[Tensor, Tensor] | None


def _squares(weight: Tensor) -> Tensor:
    """(perspectives, dim) -> (dim, 1 + perspectives): the first sees all dimensions alike."""
    return torch.cat([torch.ones_like(weight[:1]), weight]).square().t()


def _norms(vectors: Tensor, squares: Tensor, least: float = 1e-16) -> Tensor:
    """(batch, length, dim) -> (batch, length, columns of `squares`); at least the 1e-8 of torch's cosine."""
    return vectors.square().matmul(squares).clamp(min=least).sqrt()


def _match(vectors: Tensor, others: Tensor, weight: Tensor) -> Tensor:
    """(batch, length, dim), (batch, length or 1, dim) -> cosines (batch, length, 1 + perspectives)."""
    squares = _squares(weight)
    return (vectors * others).matmul(squares) / (_norms(vectors, squares) * _norms(others, squares))


def _match_all(texts1: Tensor, texts2: Tensor, weight: Tensor, tiny: float = 1e-13) -> Tensor:
    """Each position with each: (batch, length1, dim), (batch, length2, dim) -> (batch, length1, length2,
    perspectives)."""
    squares = weight.square()  # (perspectives, dim)
    weighted = texts1.unsqueeze(1) * squares.unsqueeze(0).unsqueeze(2)  # (batch, perspectives, length1, dim)
    # (batch, perspectives, length1, length2) -> (batch, length1, length2, perspectives)
    products = weighted.matmul(texts2.transpose(1, 2).unsqueeze(1)).permute(0, 2, 3, 1)
    norms1, norms2 = _norms(texts1, squares.t(), 1e-30), _norms(texts2, squares.t(), 1e-30)
    return products / (norms1.unsqueeze(2) * norms2.unsqueeze(1)).clamp(min=tiny)


def _masked_max(values: Tensor, mask: Tensor, lowest: float = torch.finfo(torch.float32).min) -> Tensor:
    """Over dimension 2."""
    return values.masked_fill(~mask, lowest).max(dim=2)[0]


def _masked_mean(values: Tensor, mask: Tensor, tiny: float = 1e-13) -> Tensor:
    """Over dimension 2."""
    return values.masked_fill(~mask, 0.0).sum(dim=2) / mask.sum(dim=2).float().clamp(min=tiny)


def _masked_softmax(values: Tensor, mask: Tensor, tiny: float = 1e-13) -> Tensor:
    """(batch, length, dim), (batch, length): over the last dimension; zeros where masked."""
    mask = mask.unsqueeze(2)
    found = (values * mask).softmax(dim=-1) * mask
    return found / (found.sum(dim=-1, keepdim=True) + tiny)


def _end(text: Tensor, mask: Tensor, is_forward: bool) -> Tensor:
    """Where the encoder ended: (batch, length, dim) -> (batch, 1, dim)."""
    if not is_forward:
        return text[:, :1]
    last = (mask.sum(dim=1) - 1).clamp(min=0)  # (batch,)
    return text.gather(1, last.view(-1, 1, 1).expand(-1, 1, text.size(2)))


def _one_way(
    text: Tensor,
    other: Tensor,
    other_mask: Tensor,
    other_end: Tensor,
    mask: Tensor,
    cosines: Tensor,
    pairs: Tensor | None,
    weights: Weights,
    side: int,
) -> Tensor:
    """The matchings of each position of a text: (batch, length, dim) -> (batch, length, matchings). `cosines` (batch,
    length, length of the other), `pairs` (batch, length, length of the other, perspectives)."""
    others = other_mask.unsqueeze(1)  # (batch, 1, length of the other)
    found = [_masked_max(cosines, others).unsqueeze(2), _masked_mean(cosines, others).unsqueeze(2)]
    full, attentive, max_attentive = weights.full, weights.attentive, weights.max_attentive
    if full is not None:
        found.append(_match(text, other_end, full[0] if side == 0 else full[1]))
    if pairs is not None:
        found.append(_masked_max(pairs, others.unsqueeze(3)))
        found.append(_masked_mean(pairs, others.unsqueeze(3)))
    if attentive is not None:
        mean = _masked_softmax(cosines.matmul(other), mask)  # (batch, length, dim)
        found.append(_match(text, mean, attentive[0] if side == 0 else attentive[1]))
    if max_attentive is not None:
        seen = other.unsqueeze(1) * cosines.unsqueeze(3)  # (batch, length, length of the other, dim)
        most = _masked_max(seen, others.unsqueeze(3))  # (batch, length, dim)
        found.append(_match(text, most, max_attentive[0] if side == 0 else max_attentive[1]))
    return torch.cat(found, dim=2)


def _matchings(
    text1: Tensor, mask1: Tensor, text2: Tensor, mask2: Tensor, weights: Weights, is_forward: bool
) -> tuple[Tensor, Tensor]:
    """(batch, length1, dim), (batch, length1), (batch, length2, dim), (batch, length2) -> the matchings of each
    position, (batch, length1, matchings) and (batch, length2, matchings)."""
    text1, text2 = text1 * mask1.unsqueeze(2), text2 * mask2.unsqueeze(2)
    alike = torch.ones([text1.size(2), 1], dtype=text1.dtype, device=text1.device)
    norms1, norms2 = _norms(text1, alike), _norms(text2, alike)  # (batch, length, 1)
    # (batch, length1, length2)
    cosines = text1.matmul(text2.transpose(1, 2)) / (norms1 * norms2.transpose(1, 2))
    maxpool = weights.maxpool
    pairs: Tensor | None = None
    pairs_back: Tensor | None = None
    if maxpool is not None:
        pairs = _match_all(text1, text2, maxpool)
        pairs_back = pairs.transpose(1, 2)
    end1, end2 = _end(text1, mask1, is_forward), _end(text2, mask2, is_forward)
    return (
        _one_way(text1, text2, mask2, end2, mask1, cosines, pairs, weights, 0),
        _one_way(text2, text1, mask1, end1, mask2, cosines.transpose(1, 2), pairs_back, weights, 1),
    )


@scripted
def _all_matchings(
    parts1: list[Tensor],
    mask1: Tensor,
    parts2: list[Tensor],
    mask2: Tensor,
    weights: list[Weights],
    ways: list[bool],
) -> list[Tensor]:
    """Both sides of `match`; nothing where a text has no tokens. `ways` are True for forward matchers."""
    if not (bool(mask1.any(dim=1).all()) and bool(mask2.any(dim=1).all())):
        return []
    sides1: list[Tensor] = []
    sides2: list[Tensor] = []
    for part in range(len(weights)):
        side1, side2 = _matchings(parts1[part], mask1, parts2[part], mask2, weights[part], ways[part])
        sides1.append(side1)
        sides2.append(side2)
    return [torch.cat(sides1, dim=2), torch.cat(sides2, dim=2)]


class BiMpmMatching(AllenNlpMatching):
    def weights(self) -> Weights:
        def both(name: str) -> Any:
            return getattr(self, name), getattr(self, f"{name}_reversed")

        return Weights(
            both("full_match_weights") if self.with_full_match else None,
            cast(Tensor, self.maxpool_match_weights) if self.with_maxpool_match else None,
            both("attentive_match_weights") if self.with_attentive_match else None,
            both("max_attentive_match_weights") if self.with_max_attentive_match else None,
        )


def match(
    matchers: Sequence[BiMpmMatching], parts1: Sequence[Tensor], mask1: Tensor, parts2: Sequence[Tensor], mask2: Tensor
) -> tuple[Tensor, Tensor]:
    """For each matcher its part of both texts, (batch, length1, dim) and (batch, length2, dim), and the masks (batch,
    length1) and (batch, length2) -> what all matchers find for each position of each text, (batch, length1, matchings)
    and (batch, length2, matchings).

    AllenNLP's own sums give what matches a text without tokens, zero or not a number, as numbers overflow; and the
    slopes of the originals' explanations.
    """
    if not original_slopes_wanted():
        weights, ways = [one.weights() for one in matchers], [bool(one.is_forward) for one in matchers]
        if found := _all_matchings(list(parts1), mask1, list(parts2), mask2, weights, ways):
            return found[0], found[1]
    by_matcher = [
        matcher(part1, mask1, part2, mask2) for matcher, part1, part2 in zip(matchers, parts1, parts2, strict=True)
    ]
    side1, side2 = (torch.cat([one for sides in by_matcher for one in sides[side]], dim=2) for side in (0, 1))
    return side1, side2


def match_in_parts(
    matchers: Sequence[BiMpmMatching], text1: Tensor, mask1: Tensor, text2: Tensor, mask2: Tensor
) -> tuple[Tensor, Tensor]:
    """The same where each matcher has an equal part of the dimensions of one encoding."""
    parts1, parts2 = (text.chunk(len(matchers), dim=-1) for text in (text1, text2))
    return match(matchers, parts1, mask1, parts2, mask2)
