"""Weights with more rows in the last layer, in the format, order and kind of number that they came in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import safetensors.torch
import torch
from torch import Tensor

from models.errors import NotExportable
from models.head_tensors import BIAS, WEIGHT
from models.weights import safetensors_metadata

LOSS_WEIGHTS = ("_loss.weight", "_head._loss.weight")
"""Where biome.text keeps what each label counts in the training loss."""


def widened_weights(
    archive: str, member: str, data: bytes, layer: str, rows: Mapping[str, Tensor], neutral: float
) -> bytes:
    """The weights with `rows` (all of the head's, old and new) in `layer`. Raises NotExportable."""
    if member.endswith(".safetensors"):
        state: dict[str, Tensor] = safetensors.torch.load(data)
        _widen(archive, member, state, layer, rows, neutral)
        return safetensors.torch.save(state, safetensors_metadata(data) or None)
    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    _widen(archive, member, state, layer, rows, neutral)
    buffer = io.BytesIO()
    # torch before 1.6, which AllenNLP 0.9 needs, does not read the zip files that came then.
    torch.save(state, buffer, _use_new_zipfile_serialization=zipfile.is_zipfile(io.BytesIO(data)))
    return buffer.getvalue()


def _widen(
    archive: str, member: str, state: dict[str, Tensor], layer: str, rows: Mapping[str, Tensor], neutral: float
) -> None:
    weight, bias = f"{layer}.{WEIGHT}", f"{layer}.{BIAS}"
    if BIAS in rows and bias not in state and bool(rows[BIAS].any()):
        raise NotExportable(archive, member, "has a last layer without a bias, which the new labels need")
    old = len(state[weight])
    state[weight] = _extended(state[weight], rows[WEIGHT][old:])
    if bias in state:
        state[bias] = _extended(state[bias], rows[BIAS][old:])
    for name in LOSS_WEIGHTS:
        if name in state:
            new = state[name].new_full((len(rows[WEIGHT]) - old,), neutral)
            state[name] = torch.cat([state[name], new])


def _extended(old: Tensor, new: Tensor) -> Tensor:
    """(old, ...), (new, ...) -> (old + new, ...), in the old kind of number unless that would round the new rows."""
    dtype = old.dtype if torch.equal(new.to(old.dtype).to(new.dtype), new) else new.dtype
    return torch.cat([old.to(dtype), new.to(dtype)])
