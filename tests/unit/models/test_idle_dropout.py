"""Dropout does nothing while nobody trains, and what it always did in training."""

import torch
from torch import nn

from models.idle_dropout import IdleDropout, with_idle_dropout


def test_it_gives_back_what_it_is_given_until_someone_trains() -> None:
    model = with_idle_dropout(nn.Sequential(nn.Sequential(nn.Dropout(0.5)))).eval()
    vectors = torch.ones(200)
    assert model(vectors) is vectors
    torch.manual_seed(1)
    dropped = model.train()(vectors)
    torch.manual_seed(1)
    assert torch.equal(dropped, nn.Dropout(0.5)(vectors))
    assert 0 < int((dropped == 0).sum()) < 200


def test_other_kinds_of_dropout_are_left_alone() -> None:
    class Own(nn.Dropout):
        pass

    kinds = [type(module) for module in with_idle_dropout(nn.ModuleList([Own(), nn.Dropout2d(), nn.Dropout()]))]
    assert kinds == [Own, nn.Dropout2d, IdleDropout]
