"""AllenNLP's BagOfEmbeddingsEncoder in one call of TorchScript."""

from torch import Tensor

from models.scripted import scripted


@scripted
def bag(vectors: Tensor, mask: Tensor, averaged: bool) -> Tensor:
    """(..., length, dim), (..., length) -> (..., dim): the sum of a text's vectors, or their mean; zeros for a text
    without tokens."""
    if not bool(mask.all()):
        vectors = vectors * mask.unsqueeze(-1)
    summed = vectors.sum(dim=-2)
    if averaged:
        lengths = mask.sum(dim=-1, keepdim=True)  # (..., 1)
        summed = summed / lengths.clamp(min=1).float() * (lengths > 0)
    return summed
