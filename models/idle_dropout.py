"""Dropout that is no operation at all while nobody trains: torch's own asks its dispatcher to do nothing, and a thread
that comes back from there waits for the interpreter's lock."""

from torch import Tensor, nn

from models.allennlp_compat import TokenCharactersEncoder


class IdleDropout(nn.Dropout):
    def forward(self, vectors: Tensor) -> Tensor:
        return super().forward(vectors) if self.training else vectors


def with_idle_dropout(model: nn.Module) -> nn.Module:
    """The model itself, each nn.Dropout in it turned into an IdleDropout."""
    for module in model.modules():
        if type(module) is nn.Dropout:
            module.__class__ = IdleDropout
        elif isinstance(module, TokenCharactersEncoder) and not isinstance(module._dropout, nn.Module):
            module._dropout = nn.Identity()  # a lambda, which no other process could be given
    return model
