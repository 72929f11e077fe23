"""What the instances of the biome.text 1.0 - 3.3 heads look like, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.classifier import InputSchema

TEXTS: Mapping[str, Any] = {
    "oneOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "object"},
    ]
}
"""A text, a list of texts, or an object whose values are texts."""


def schema_of(
    properties: Mapping[str, Any], example: Mapping[str, Any], *, text_input: str | None = None, others: bool = False
) -> InputSchema:
    """Every input is required; `others` says whether more are allowed, and ignored."""
    schema = {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": others,
    }
    return InputSchema(tuple(properties), schema, example, text_input)
