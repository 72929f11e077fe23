"""Tensors to instances: one BYTES tensor for each input of the model, one element for each instance."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.api.v2.schemas import ContentType, InputTensor
from app.errors import InvalidInstances, InvalidParameters, Refusal, RequestTooLarge
from models.classifier import InputSchema

LENGTH = struct.Struct("<I")
"""Before each element of a binary BYTES tensor."""


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a model. `content_type` is what an element is where the request does not say."""

    name: str
    content_type: ContentType
    optional: bool


def inputs_of(schema: InputSchema) -> list[Input]:
    """What an element is, the schema's example says: text where that is a string, else JSON."""
    required = schema.json_schema.get("required", schema.names)
    return [
        Input(name, "text" if isinstance(schema.example.get(name, ""), str) else "json", name not in required)
        for name in schema.names
    ]


def instances_of(
    schema: InputSchema, tensors: Sequence[InputTensor], binary: bytes, most: int, content_type: ContentType | None
) -> list[dict[str, Any]]:
    """An object for each instance. `binary` is what comes behind the JSON, `most` the instances that may be.

    Raises InvalidParameters where the tensors are not what the model takes, InvalidInstances where an element is not,
    RequestTooLarge.
    """
    known = {one.name: one for one in inputs_of(schema)}
    _check_names(known, [tensor.name for tensor in tensors])
    count = _count(tensors, most)
    columns: dict[str, list[Any]] = {}
    for tensor, part in zip(tensors, _parts(tensors, binary), strict=True):
        elements = _elements(tensor, part)
        if len(elements) != count:
            raise InvalidParameters(f"inputs.{tensor.name} holds {len(elements)} elements, its shape {count}.")
        kind = tensor.parameters.content_type or content_type or known[tensor.name].content_type
        columns[tensor.name] = elements if kind == "text" else _parsed(elements, tensor.name)
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _check_names(known: Mapping[str, Input], names: Sequence[str]) -> None:
    accepted = f"Inputs of this model: {', '.join(known)}."
    if unknown := [name for name in names if name not in known]:
        raise InvalidParameters(f"inputs: there is no input {unknown[0]!r}. {accepted}")
    if len(set(names)) < len(names):
        raise InvalidParameters("inputs: the same input is there twice.")
    if missing := [name for name, one in known.items() if name not in names and not one.optional]:
        raise InvalidParameters(f"inputs: {missing[0]!r} is missing. {accepted}")


def _count(tensors: Sequence[InputTensor], most: int) -> int:
    for tensor in tensors:
        if tensor.datatype != "BYTES":
            raise InvalidParameters(f"inputs.{tensor.name}: the datatype must be BYTES, not {tensor.datatype[:20]!r}.")
        count, *rest = tensor.shape or [0]
        if count < 1 or rest not in ([], [1]):
            raise InvalidParameters(f"inputs.{tensor.name}: the shape must be [n] or [n, 1], n at least 1.")
    counts = {tensor.shape[0] for tensor in tensors}
    if len(counts) > 1:
        raise InvalidParameters("inputs: the shapes must all have the same number of instances.")
    count = counts.pop()
    if count > most:
        raise RequestTooLarge(f"{count} instances are too many for one request. Send at most {most}.")
    return count


def _parts(tensors: Sequence[InputTensor], binary: bytes) -> list[bytes | None]:
    """What belongs to each tensor of the bytes behind the JSON, which come in the tensors' order."""
    parts: list[bytes | None] = []
    start = 0
    for tensor in tensors:
        size = tensor.parameters.binary_data_size
        if (size is None) == (tensor.data is None):
            raise InvalidParameters(f"inputs.{tensor.name}: send either data or parameters.binary_data_size.")
        parts.append(None if size is None else binary[start : start + size])
        start += size or 0
    if start != len(binary):
        raise InvalidParameters(
            f"inputs: binary_data_size adds up to {start} bytes, but {len(binary)} come behind the JSON. "
            "Its length goes into the header Inference-Header-Content-Length."
        )
    return parts


def _elements(tensor: InputTensor, part: bytes | None) -> list[str]:
    if part is not None:
        return _unpacked(part, tensor.name)
    flat = [one for row in tensor.data or () for one in (row if isinstance(row, list) else [row])]
    refusals = [
        Refusal(index, "An element of a BYTES tensor is a string.", tensor.name)
        for index, one in enumerate(flat)
        if not isinstance(one, str)
    ]
    if refusals:
        raise InvalidInstances(refusals)
    return flat


def _unpacked(part: bytes, name: str) -> list[str]:
    elements: list[str] = []
    start = 0
    while start < len(part):
        try:
            (length,) = LENGTH.unpack_from(part, start)
        except struct.error:
            length = len(part)
        start += LENGTH.size
        if start + length > len(part):
            raise InvalidParameters(
                f"inputs.{name}: the binary data is cut short. Each element is its length, 4 bytes little-endian, "
                "and so many bytes of UTF-8."
            )
        try:
            elements.append(part[start : start + length].decode())
        except UnicodeDecodeError:
            raise InvalidInstances([Refusal(len(elements), "It is not UTF-8.", name)]) from None
        start += length
    return elements


def _parsed(elements: Sequence[str], name: str) -> list[Any]:
    values: list[Any] = []
    refusals = []
    for index, element in enumerate(elements):
        try:
            values.append(orjson.loads(element))
        except orjson.JSONDecodeError:
            reason = 'It is not JSON, which this input takes. For text send the parameter content_type: "text".'
            refusals.append(Refusal(index, reason, name))
    if refusals:
        raise InvalidInstances(refusals)
    return values
