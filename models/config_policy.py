"""What a configuration inside an archive may say.

AllenNLP imports and calls whatever dotted path a `type` names, so a configuration is a program. Here it is data:
strict JSON, bounded depth, and types that name registered classes only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from models.errors import BrokenArchive, UnsafeArchive

MAX_DEPTH = 64
TRUSTED_CLASS_PATHS = ("biome.text.", "allennlp.")
"""biome.text 1.x - 3.x writes full class paths; the loader maps their last part to a class of ours, by name."""

BUILT_SECTIONS = ("model", "dataset_reader", "validation_dataset_reader", "vocabulary")
"""The sections that objects are made from. The rest (trainer, iterator, data loader) is never looked at."""

IMPORTING_KEYS = ("include_package", "include-package", "include_packages", "modules", "imports")


def parse_config(archive: str, member: str, data: bytes) -> dict[str, Any]:
    """Strict JSON object from untrusted bytes. Raises BrokenArchive or UnsafeArchive."""

    def refuse_constant(constant: str) -> NoReturn:
        raise BrokenArchive(archive, member, f"holds {constant}, which is not JSON")

    try:
        config = json.loads(data.decode("utf-8"), parse_constant=refuse_constant)
    except RecursionError as error:
        raise UnsafeArchive(archive, member, f"is nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:
        reason = "is not plain JSON (jsonnet is not evaluated: write it out as JSON first)"
        raise BrokenArchive(archive, member, reason) from error
    if not isinstance(config, dict):
        raise BrokenArchive(archive, member, "is not a JSON object")
    _check(archive, member, config)
    return config


def _check(archive: str, member: str, config: Mapping[str, Any]) -> None:
    for key in IMPORTING_KEYS:
        if key in config:
            raise UnsafeArchive(archive, member, f"{key!r} would import Python packages; that is not done here")
    for section, content in config.items():
        _walk(archive, member, section, content, types=section in BUILT_SECTIONS)


def _walk(archive: str, member: str, path: str, node: Any, *, types: bool, depth: int = 1) -> None:
    if depth > MAX_DEPTH:
        raise UnsafeArchive(archive, member, f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(node, dict):
        if types:
            _check_type(archive, member, path, node.get("type"))
        for key, child in node.items():
            _walk(archive, member, f"{path}.{key}", child, types=types, depth=depth + 1)
    elif isinstance(node, list):
        for index, child in enumerate(node):
            _walk(archive, member, f"{path}[{index}]", child, types=types, depth=depth + 1)


def _check_type(archive: str, member: str, path: str, type_name: Any) -> None:
    if isinstance(type_name, str) and "." in type_name and not type_name.startswith(TRUSTED_CLASS_PATHS):
        reason = f"{path}.type is {type_name[:80]!r}, a path that would be imported and called"
        raise UnsafeArchive(archive, member, f"{reason}; only names of registered classes are accepted")
