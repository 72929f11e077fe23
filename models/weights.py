"""Loading weights into a model, strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping

from torch import Tensor, nn

from models.errors import BrokenArchive

BENIGN_BUFFERS = ("position_ids", "attn.bias", "masked_bias", "embeddings.token_type_ids")
"""Constants that older versions of transformers saved with the weights and newer ones compute."""


def load_weights(archive: str, model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Strictly: every name, shape and kind of number must fit, but for the benign buffers.

    Raises BrokenArchive, naming up to eight that do not.
    """
    wanted = model.state_dict()
    given = {name: tensor for name, tensor in weights.items() if name in wanted or not name.endswith(BENIGN_BUFFERS)}
    problems = [f"{name} is missing" for name in sorted(wanted.keys() - given.keys())]
    problems += [f"{name} is not part of the model" for name in sorted(given.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & given.keys()):
        if wanted[name].shape != given[name].shape:
            problems.append(f"{name} is {_dimensions(given[name])} instead of {_dimensions(wanted[name])}")
        elif wanted[name].is_floating_point() != given[name].is_floating_point():
            problems.append(f"{name} is {given[name].dtype} instead of {wanted[name].dtype}")
    if problems:
        shown = "; ".join(problems[:8]) + ("; and so on" if len(problems) > 8 else "")
        raise BrokenArchive(archive, "weights.th", f"does not fit its configuration: {shown}")
    model.load_state_dict(given, strict=True)


def _dimensions(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"


def safetensors_metadata(data: bytes) -> dict[str, str]:
    """What a safetensors file says about itself: its header is JSON, behind eight bytes of its length."""
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    return metadata
