"""The matching layer gives AllenNLP's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from models.allennlp_compat import BiMpmMatching as AllenNlpMatching
from models.bimpm_matching import BiMpmMatching, match, match_in_parts
from models.loading import load_classifier
from tests.oracle.oracles import CARRIED

BATCH, FIRST, SECOND, DIM = 4, 5, 3, 6
KINDS: dict[str, dict[str, Any]] = {
    "all, forward": {"is_forward": True},
    "all, backward": {"is_forward": False},
    "weights of their own": {"is_forward": True, "share_weights_between_directions": False},
    "without full": {"with_full_match": False},
    "full alone": {
        "is_forward": True,
        "with_maxpool_match": False,
        "with_attentive_match": False,
        "with_max_attentive_match": False,
    },
}


def texts(*, empty: bool) -> list[Tensor]:
    """Twice a text and its mask, one with a hole; `empty`: one row has no token in its first text."""
    torch.manual_seed(3)
    masks = torch.ones(BATCH, FIRST, dtype=torch.bool), torch.ones(BATCH, SECOND, dtype=torch.bool)
    masks[0][0, 2:], masks[0][2, 1], masks[1][3, 1:] = False, False, False
    masks[0][1] = not empty
    return [torch.randn(BATCH, FIRST, DIM), masks[0], torch.randn(BATCH, SECOND, DIM), masks[1]]


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("empty", [False, True], ids=["tokens everywhere", "an empty text"])
@torch.no_grad()
def test_matchings_are_allennlps(options: dict[str, Any], empty: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    original, own = pair_of_matchers(**options)
    expected = [torch.cat(list(side), dim=2) for side in original(*texts(empty=empty))]
    if not empty:
        monkeypatch.setattr(AllenNlpMatching, "forward", None)  # its own way, not AllenNLP's
    for one, other in zip(match_in_parts([own], *texts(empty=empty)), expected, strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=1e-4, equal_nan=True)


@pytest.mark.parametrize("perspectives", [2, 7], ids=["longer texts than perspectives", "more perspectives"])
@pytest.mark.parametrize("turned", [False, True], ids=["longer first", "longer second"])
@pytest.mark.parametrize("size", [1.0, 1e-7])
@torch.no_grad()
def test_matchings_of_any_shape_and_size_are_allennlps(
    perspectives: int, turned: bool, size: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, own = pair_of_matchers(is_forward=True, num_perspectives=perspectives)
    first, mask1, second, mask2 = texts(empty=False)
    given = [size * second, mask2, size * first, mask1] if turned else [size * first, mask1, size * second, mask2]
    expected = [torch.cat(list(side), dim=2) for side in original(*given)]
    monkeypatch.setattr(AllenNlpMatching, "forward", None)
    for one, other in zip(match_in_parts([own], *given), expected, strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize("other", [{"with_maxpool_match": False}, {"with_full_match": False}, {"num_perspectives": 3}])
@torch.no_grad()
def test_matchers_that_are_unlike_match_side_by_side(other: dict[str, Any]) -> None:
    matchers = [pair_of_matchers(is_forward=True, **options)[1] for options in ({}, {}, other)]
    first, mask1, second, mask2 = texts(empty=False)
    together = match(matchers, [first] * 3, mask1, [second] * 3, mask2)
    alone = [match([matcher], [first], mask1, [second], mask2) for matcher in matchers]
    for side in (0, 1):
        expected = torch.cat([one[side] for one in alone], dim=2)
        torch.testing.assert_close(together[side], expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
def test_it_learns_as_allennlps_does(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    original, own = pair_of_matchers(**options)

    def slopes(matcher: AllenNlpMatching, matchings: Sequence[Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
        loss = sum((side * torch.arange(side.size(2))).sum() for side in matchings)
        return list(torch.autograd.grad(loss, [*inputs, *matcher.parameters()], allow_unused=True))

    first, mask1, second, mask2 = texts(empty=False)
    inputs = first.requires_grad_(), second.requires_grad_()
    expected = slopes(
        original, [torch.cat(list(side), dim=2) for side in original(first, mask1, second, mask2)], inputs
    )
    monkeypatch.setattr(AllenNlpMatching, "forward", None)
    found = slopes(own, match_in_parts([own.train()], first, mask1, second, mask2), inputs)
    assert [one is None for one in found] == [one is None for one in expected]
    for one, other in zip(found, expected, strict=True):
        if one is not None:
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", ["biome_biome_bimpm_single", "biome_multifield_bimpm_record"])
def test_no_matcher_of_a_classifier_goes_allennlps_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every text has tokens; what it answers, tests/oracle holds against the original's."""
    classifier = load_classifier(CARRIED / f"{name}.tar.gz")
    record = {"name": "a few words", "city": "of a record"}
    features = classifier.featurize({"record1": record, "record2": record})
    monkeypatch.setattr(AllenNlpMatching, "forward", None)
    with torch.inference_mode():
        assert classifier.encode(classifier.collate([features])).isfinite().all()


@pytest.mark.parametrize("empty", [False, True], ids=["tokens everywhere", "an empty text"])
@pytest.mark.parametrize("with_gradients", [False, True])
def test_each_matcher_has_its_part(empty: bool, with_gradients: bool) -> None:
    matchers = [pair_of_matchers(is_forward=is_forward)[1] for is_forward in (True, False)]
    first, mask1, second, mask2 = texts(empty=empty)
    with torch.set_grad_enabled(with_gradients):
        together = match_in_parts(
            matchers, torch.cat([first, -first], dim=2), mask1, torch.cat([second, second + 1], dim=2), mask2
        )
        alone = [
            match_in_parts([matchers[0]], first, mask1, second, mask2),
            match_in_parts([matchers[1]], -first, mask1, second + 1, mask2),
        ]
    for side in (0, 1):
        expected = torch.cat([one[side] for one in alone], dim=2)
        torch.testing.assert_close(together[side], expected, atol=1e-6, rtol=1e-6, equal_nan=True)


def pair_of_matchers(**options: Any) -> tuple[AllenNlpMatching, BiMpmMatching]:
    """AllenNLP's and ours, with the same weights."""
    options = {"num_perspectives": 7} | options
    original, own = AllenNlpMatching(DIM, **options), BiMpmMatching(DIM, **options)
    own.load_state_dict(original.state_dict())
    assert own.get_output_dim() == original.get_output_dim()
    return original, own
