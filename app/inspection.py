"""What a classifier is, as `vitrine inspect` says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from models.classifier import Classifier
from models.errors import ArchiveError


def facts(classifier: Classifier) -> dict[str, Any]:
    """JSON-ready."""
    inputs, source = classifier.inputs, classifier.source
    return {
        "kind": classifier.kind,
        "multilabel": classifier.multilabel,
        "labels": list(classifier.label_set.labels),
        "labels_version": classifier.label_set.version,
        "inputs": list(inputs.names),
        "instance_schema": dict(inputs.json_schema),
        "example": dict(inputs.example),
        "source": {"library": source.library, "versions": source.versions, "architecture": source.architecture},
        "parameters": classifier.parameters,
        "size_bytes": classifier.size_bytes,
        "padding_safe": classifier.padding_safe,
        "problems": [],
    }


def problem(error: ArchiveError) -> dict[str, Any]:
    """Why there are no facts. JSON-ready."""
    return {"problems": [{"error": type(error).__name__, "member": error.member, "reason": error.reason}]}


def as_table(title: str, found: Mapping[str, Any]) -> Table:
    table = Table(title=title, show_header=False, title_justify="left")
    for one in found["problems"]:
        table.add_row(one["error"], f"{one['member']}: {one['reason']}" if one["member"] else one["reason"])
    if found["problems"]:
        return table
    source = found["source"]
    rows = {
        "kind": found["kind"] + (", several labels at once" if found["multilabel"] else ""),
        "labels": ", ".join(found["labels"]),
        "inputs": ", ".join(found["inputs"]),
        "example": str(found["example"]),
        "written by": f"{source['library']} {source['versions']}",
        "architecture": source["architecture"],
        "weights": f"{found['parameters']:,} ({found['size_bytes'] / 1e6:.1f} MB)",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table
