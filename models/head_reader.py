"""The reader of a biome.text 1.0 - 3.3 pipeline: checks the names of an instance's inputs; its head does the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.classification_head import ClassificationHead
from models.classifier import Instance
from models.errors import InvalidInstance
from models.readers import Reader, Reading


class HeadReader(Reader):
    def __init__(self, head: ClassificationHead) -> None:
        self._head = head
        self.kind = head.kind
        self.lists = head.lists
        self.inputs = head.schema()
        # biome.text explains no relations.
        self.own_methods = () if "entities" in self.inputs.names else ("biome",)

    def read(self, instance: Instance) -> Reading:
        named = self._without_aliases(self._named(instance))
        names = self._head.inputs()
        unknown = [name for name in named if name not in names]
        missing = [name for name in names if name not in named]
        accepted = ", ".join(map(repr, names))
        if unknown and not self.inputs.json_schema["additionalProperties"]:
            raise InvalidInstance(f"unknown input {unknown[0]!r}; this classifier takes {accepted}.", unknown[0])
        if missing:
            raise InvalidInstance(f"{missing[0]!r} is missing; this classifier takes {accepted}.", missing[0])
        reading = self._head.featurize(**{name: named[name] for name in names})
        reading.warnings += [f"{name!r} was ignored; this classifier takes {accepted}" for name in unknown]
        return reading

    def _without_aliases(self, named: Mapping[str, Any]) -> Mapping[str, Any]:
        """The uniform names, and those of other versions, stand for the head's own."""
        given, names = set(named), self._head.inputs()
        if self.kind == "record" and given == {"record"} != set(names) and isinstance(named["record"], Mapping):
            record: Mapping[str, Any] = named["record"]
            return record
        if self.kind == "record_pair" and given == {"text", "text_pair"}:
            return {"record1": named["text"], "record2": named["text_pair"]}
        if self.kind == "document" and given in ({"text"}, {"document"}):
            return dict(zip(names, named.values(), strict=True))
        return named
