"""What is handed over is the same there, and lies in the same memory."""

import os
import pickle

import pytest
import torch
from torch import nn

from app.handing_over import dumped, hand_over, take_over
from tests.service.tiny import TinyClassifier


def nothing(one):
    return None


def handed(one, number_of=nothing, numbered=None):
    parts = hand_over(one, number_of)
    try:
        return take_over(parts.pickled, parts.places, parts.file, numbered)
    finally:
        if parts.file is not None:
            os.close(parts.file)


def test_weights_are_the_same_memory():
    here = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).requires_grad_(False).eval()
    texts = torch.randn(5, 3)
    before = here(texts)
    there = handed(here)
    assert torch.equal(there(texts), before)
    assert torch.equal(here(texts), before)
    here[0].weight.fill_(2.0)
    assert torch.equal(there[0].weight, here[0].weight)
    assert isinstance(there[0].weight, nn.Parameter)
    assert not there[0].weight.requires_grad


def test_tensors_that_share_memory_still_do():
    table = torch.arange(12.0).reshape(3, 4)  # (12,) -> (3, 4)
    there = handed({"table": table, "same": table, "column": table[:, 1], "turned": table.t(), "none": table[:0]})
    assert there["table"] is there["same"]
    assert there["column"].tolist() == [1, 5, 9]
    there["table"].fill_(7)
    assert there["column"].tolist() == [7, 7, 7]
    assert there["turned"].shape == (4, 3)
    assert there["none"].shape == (0, 4)
    assert table.eq(7).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.int64, torch.bool, torch.uint8])
def test_any_kind_of_number(dtype):
    numbers = torch.tensor([0, 1, 1, 0]).to(dtype)
    assert torch.equal(handed([torch.ones(1, dtype=torch.uint8), numbers])[1], numbers)


def test_what_was_handed_over_before_goes_by_its_number():
    classifier = TinyClassifier(["good", "bad"], multilabel=False, seed=0, batch_seconds=0, example="fine")
    there = handed((classifier, "more"), lambda one: 3 if one is classifier else None, {3: "that one"}.__getitem__)
    assert there == ("that one", "more")


def test_what_has_no_tensors_has_no_file():
    assert hand_over({"a": [1, 2]}, nothing).file is None
    assert handed({"a": [1, 2], "none": torch.empty(0, 3)})["none"].shape == (0, 3)


def test_what_cannot_be_pickled_is_said():
    with pytest.raises((pickle.PicklingError, AttributeError)):
        hand_over(lambda: None, nothing)


def test_a_row_takes_no_more_than_itself():
    row = torch.randn(1000, 8)[3]
    data = dumped([row])
    assert len(data) < 500
    assert torch.equal(pickle.loads(data)[0], row)
