"""BiMPM's matching layer (Wang et al., 2017, https://arxiv.org/abs/1702.03814): AllenNLP's, with the same parameters
and numbers, in one call for all matchers that are alike."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from models.allennlp_compat import BiMpmMatching as AllenNlpMatching
from models.attended import Attended, attended
from models.bimpm_sums import Compared, Given, collect, compare
from models.original_slopes import original_slopes_wanted
from models.scripted import scripted

KINDS = ("full", "attentive", "max_attentive")


class BiMpmMatching(AllenNlpMatching):
    @property
    def kinds(self) -> tuple[bool, bool, bool]:
        """Whether it matches in full, attentively and with the greatest attention."""
        return self.with_full_match, self.with_attentive_match, self.with_max_attentive_match

    def weights(self) -> Tensor:
        """Of the `kinds` that there are: (2, kinds, perspectives, dim)."""
        names = [name for name, there in zip(KINDS, self.kinds, strict=True) if there]
        sides = [getattr(self, f"{name}_match_weights{side}") for side in ("", "_reversed") for name in names]
        return torch.stack(sides).unflatten(0, (2, -1)) if names else torch.empty(2, 0, 0, 0)


def match(
    matchers: Sequence[BiMpmMatching], parts1: Sequence[Tensor], mask1: Tensor, parts2: Sequence[Tensor], mask2: Tensor
) -> tuple[Tensor, Tensor]:
    """For each matcher its part of both texts, (batch, length1, dim) and (batch, length2, dim), and the masks (batch,
    length1) and (batch, length2) -> what all matchers find for each position of each text, (batch, length1, matchings)
    and (batch, length2, matchings).

    AllenNLP's own sums give what matches a text without tokens, zero or not a number, as numbers overflow; and the
    slopes of the originals' explanations.
    """
    of_each = [*zip(matchers, parts1, parts2, strict=True)]
    if not original_slopes_wanted() and _say_something(mask1, mask2):
        found = [_match_alike([*alike], mask1, mask2) for _, alike in groupby(of_each, _kind)]
        return _joined([side1 for side1, _ in found]), _joined([side2 for _, side2 in found])
    sides = [matcher(part1, mask1, part2, mask2) for matcher, part1, part2 in of_each]
    return _joined([one for side1, _ in sides for one in side1]), _joined([one for _, side2 in sides for one in side2])


def _joined(matchings: Sequence[Tensor]) -> Tensor:
    return matchings[0] if len(matchings) == 1 else torch.cat([*matchings], dim=2)


def _kind(of_one: tuple[BiMpmMatching, Tensor, Tensor]) -> tuple[Any, ...]:
    """What matchers must have in common for one call."""
    matcher, part, _ = of_one
    return part.size(2), matcher.num_perspectives, matcher.with_maxpool_match, matcher.kinds


@scripted
def _say_something(mask1: Tensor, mask2: Tensor) -> bool:
    """Whether there is a token in each text: (batch, length1), (batch, length2)."""
    return bool(mask1.any(dim=1).all()) and bool(mask2.any(dim=1).all())


def _match_alike(
    of_each: Sequence[tuple[BiMpmMatching, Tensor, Tensor]], mask1: Tensor, mask2: Tensor
) -> tuple[Tensor, Tensor]:
    matchers = [one for one, _, _ in of_each]
    first = matchers[0]
    given = Given(
        [part for _, part, _ in of_each],
        mask1,
        [part for _, _, part in of_each],
        mask2,
        [one.maxpool_match_weights for one in matchers] if first.with_maxpool_match else [],
        [one.weights() for one in matchers],
        first.kinds,
        [bool(one.is_forward) for one in matchers],
    )
    return _sums_with_slopes(given) if torch.is_grad_enabled() else _sums(given)


@scripted
def _sums(given: Given) -> tuple[Tensor, Tensor]:
    compared = compare(given)
    seen: list[Tensor] = []
    if given.kinds[1] or given.kinds[2]:
        seen += attended(compared.others, compared.factors, compared.away)
    return collect(given, compared, seen)


def _sums_with_slopes(given: Given) -> tuple[Tensor, Tensor]:
    compared = Compared(*_compared(given))
    asked = given.kinds[1] or given.kinds[2]
    seen = Attended.apply(compared.others, compared.factors, compared.away) if asked else ()
    return _collect(given, compared, [*seen])


@scripted
def _compared(given: Given) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    found = compare(given)
    return found.texts, found.others, found.mask, found.away, found.cosines, found.factors


_collect = scripted(collect)


def match_in_parts(
    matchers: Sequence[BiMpmMatching], text1: Tensor, mask1: Tensor, text2: Tensor, mask2: Tensor
) -> tuple[Tensor, Tensor]:
    """The same where each matcher has an equal part of the dimensions of one encoding."""
    parts1, parts2 = (text.chunk(len(matchers), dim=-1) for text in (text1, text2))
    return match(matchers, parts1, mask1, parts2, mask2)
