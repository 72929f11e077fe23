"""The matching layer gives AllenNLP's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from models.allennlp_compat import BiMpmMatching as AllenNlpMatching
from models.bimpm_matching import BiMpmMatching

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
def test_matchings_are_allennlps(options: dict[str, Any], empty: bool) -> None:
    original = AllenNlpMatching(DIM, num_perspectives=7, **options)
    own = BiMpmMatching(DIM, num_perspectives=7, **options)
    own.load_state_dict(original.state_dict())
    assert own.get_output_dim() == original.get_output_dim()
    found = [run(matcher, empty=empty) for matcher in (own, original)]
    with torch.no_grad():
        assert len(own(*texts(empty=empty))[0]) == 1 or empty  # its own way, not AllenNLP's
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=1e-4, equal_nan=True)


def run(matcher: AllenNlpMatching, *, empty: bool) -> Sequence[Tensor]:
    """The matchings of both texts."""
    with torch.no_grad():
        return [torch.cat(list(side), dim=2) for side in matcher(*texts(empty=empty))]
