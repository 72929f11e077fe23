"""Predictions to tensors: label, score and probabilities of each instance, as JSON or behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from app.api.v2.inputs import LENGTH
from app.api.v2.schemas import OutputParameters, RequestedOutput, TensorMetadata
from app.errors import InvalidParameters

PROBABILITIES = "probabilities"
OUTPUTS = ("label", "score", PROBABILITIES)


def output_metadata(labels: Sequence[str]) -> list[TensorMetadata]:
    return [
        TensorMetadata(name="label", datatype="BYTES", shape=[-1]),
        TensorMetadata(name="score", datatype="FP32", shape=[-1]),
        TensorMetadata(
            name=PROBABILITIES, datatype="FP32", shape=[-1, len(labels)], parameters={"labels": list(labels)}
        ),
    ]


class Wanted(NamedTuple):
    name: str
    binary: bool
    classes: int


def wanted_outputs(requested: Sequence[RequestedOutput] | None, *, binary: bool) -> list[Wanted]:
    """In the order asked for; all where none is. `binary` holds where an output does not say itself.

    Raises InvalidParameters.
    """
    if not requested:
        return [Wanted(name, binary, 0) for name in OUTPUTS]
    names = [one.name for one in requested]
    if unknown := [name for name in names if name not in OUTPUTS]:
        raise InvalidParameters(f"outputs: there is no output {unknown[0]!r}. Choose from: {', '.join(OUTPUTS)}.")
    if len(set(names)) < len(names):
        raise InvalidParameters("outputs: the same output is there twice.")
    return [_wanted(one.name, one.parameters, binary=binary) for one in requested]


def _wanted(name: str, parameters: OutputParameters, *, binary: bool) -> Wanted:
    if parameters.classification and name != PROBABILITIES:
        raise InvalidParameters(f"outputs.{name}: classification goes with {PROBABILITIES} only.")
    chosen = binary if parameters.binary_data is None else parameters.binary_data
    return Wanted(name, chosen, parameters.classification)


class Tensor(NamedTuple):
    """`values` are float32 or strings, in the shape's row-major order."""

    name: str
    shape: list[int]
    values: np.ndarray[Any, np.dtype[np.float32]] | list[str]


def tensor_of(wanted: Wanted, predictions: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> Tensor:
    """`predictions` list the scores of all labels; probabilities are in the order of `labels`."""
    count = len(predictions)
    if wanted.name == "label":
        return Tensor("label", [count], [one["label"] for one in predictions])
    if wanted.name == "score":
        return Tensor("score", [count], np.array([one["score"] for one in predictions], np.float32))
    if wanted.classes:
        most = min(wanted.classes, len(labels))
        indices = {label: index for index, label in enumerate(labels)}
        classes = [
            f"{score['score']:f}:{indices[score['label']]}:{score['label']}"
            for one in predictions
            for score in one["scores"][:most]
        ]
        return Tensor(PROBABILITIES, [count, most], classes)
    scores = [{score["label"]: score["score"] for score in one["scores"]} for one in predictions]
    rows = np.array([[one[label] for label in labels] for one in scores], np.float32)  # (instances, labels)
    return Tensor(PROBABILITIES, [count, len(labels)], rows.ravel())


def written(tensor: Tensor, *, binary: bool) -> tuple[dict[str, Any], bytes]:
    """What the JSON says of a tensor, and what comes behind the JSON."""
    values = tensor.values
    said: dict[str, Any] = {
        "name": tensor.name,
        "datatype": "BYTES" if isinstance(values, list) else "FP32",
        "shape": tensor.shape,
    }
    if not binary:
        return said | {"data": values if isinstance(values, list) else values.tolist()}, b""
    packed = _packed(values) if isinstance(values, list) else values.astype("<f4").tobytes()
    return said | {"parameters": {"binary_data_size": len(packed)}}, packed


def _packed(values: Sequence[str]) -> bytes:
    encoded = [value.encode() for value in values]
    return b"".join(part for value in encoded for part in (LENGTH.pack(len(value)), value))
