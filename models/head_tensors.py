"""A head as tensors and back: what a label version keeps on disk, and what an export writes.

A head is a linear layer, or one with an activation behind it (biome.text 0.3's BiMPM). Rows appended to the latter
stand beside the activation, so that the old logits stay what they were.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.allennlp_compat import Activation

WEIGHT, BIAS = "weight", "bias"


class HeadWithRows(nn.Module):
    """A head with rows appended that its activation does not touch: (batch, dim) -> (batch, num_labels)."""

    def __init__(self, head: nn.Module, rows: nn.Linear) -> None:
        super().__init__()
        self.head = head
        self.rows = rows

    def forward(self, vectors: Tensor) -> Tensor:
        # (batch, old labels), (batch, new labels) -> (batch, num_labels)
        return torch.cat([self.head(vectors), self.rows(vectors)], dim=-1)


def head_tensors(head: nn.Module) -> dict[str, Tensor]:
    """`weight` (num_labels, dim), and `bias` (num_labels,) where any row has one; on the CPU.

    The rows of all linear layers that the head has, in the order of its modules.
    """
    layers = _linear_layers(head)
    tensors = {WEIGHT: torch.cat([layer.weight for layer in layers])}
    if any(layer.bias is not None for layer in layers):
        tensors[BIAS] = torch.cat([_bias(layer) for layer in layers])
    return {name: tensor.detach().cpu() for name, tensor in tensors.items()}


def with_head_tensors(head: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """A head of these rows, made as `head` and on its device. `head` itself is not changed.

    Raises ValueError where the tensors are not those of `head` with rows appended.
    """
    old = head_tensors(head)
    num_labels = _checked(old, tensors)
    layer = _linear_layers(head)[0]
    if num_labels == len(old[WEIGHT]):
        return head
    if appends_in_place(head):
        wide: nn.Module = _linear(tensors, layer)
        if isinstance(head, nn.Sequential):
            wide = nn.Sequential(wide, *list(head)[1:])
    else:
        appended = {name: tensor[len(old[WEIGHT]) :] for name, tensor in tensors.items()}
        wide = HeadWithRows(head, _linear(appended, layer))
    return wide.eval().requires_grad_(False)


def appends_in_place(head: nn.Module) -> bool:
    """Whether more rows in the head's linear layer are all that a wider head is: nothing but it changes a logit."""
    beside = [module for module in head.modules() if not isinstance(module, nn.Linear | nn.Sequential)]
    return all(isinstance(module, nn.Identity | LINEAR) for module in beside)


LINEAR = Activation.by_name("linear")


def _linear_layers(head: nn.Module) -> list[nn.Linear]:
    return [module for module in head.modules() if isinstance(module, nn.Linear)]


def _bias(layer: nn.Linear) -> Tensor:
    return layer.weight.new_zeros(layer.out_features) if layer.bias is None else layer.bias


def _checked(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> int:
    """How many rows there are now."""
    if not old.keys() <= new.keys() <= {WEIGHT, BIAS}:
        raise ValueError(f"holds {', '.join(sorted(new))}; this head has {', '.join(sorted(old))}")
    rows, dim = old[WEIGHT].shape
    weight = new[WEIGHT]
    num_labels = weight.size(0)
    if weight.dim() != 2 or weight.size(1) != dim or num_labels < rows:
        raise ValueError(f"holds rows of shape {tuple(weight.shape)}; this head is {rows} x {dim}")
    if BIAS in new and new[BIAS].shape != (num_labels,):
        raise ValueError(f"holds a bias of shape {tuple(new[BIAS].shape)} for {num_labels} labels")
    for name, tensor in new.items():
        was = old.get(name, torch.zeros(rows, dtype=tensor.dtype))
        if tensor.dtype != old[WEIGHT].dtype or not torch.equal(tensor[:rows].cpu(), was):
            raise ValueError(f"changes the rows of the labels that were there ({name})")
    return num_labels


def _linear(tensors: Mapping[str, Tensor], like: nn.Linear) -> nn.Linear:
    rows, dim = tensors[WEIGHT].shape
    made = nn.Linear(dim, rows, bias=BIAS in tensors, device=like.weight.device, dtype=like.weight.dtype)
    with torch.no_grad():
        for name, tensor in tensors.items():
            getattr(made, name).copy_(tensor)
    return made
