"""Archives whose right answers are known: the carried ones, and more where VITRINE_ORACLES names a folder."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.classifier import Classifier
from models.loading import load_classifier

CARRIED = Path(__file__).parent.parent / "data" / "oracles"


@dataclass(frozen=True)
class Oracle:
    archive: Path
    hub: Path

    @property
    def name(self) -> str:
        return self.archive.name.removesuffix(".tar.gz")

    @functools.cached_property
    def document(self) -> Mapping[str, Any]:
        document: Mapping[str, Any] = json.loads(self.archive.with_name(f"{self.name}.expected.json").read_text())
        return document

    def load(self) -> Classifier:
        return load_classifier(self.archive, hub=self.hub)

    def truth(self, case: Mapping[str, Any]) -> dict[str, tuple[float, float | None]] | None:
        """Label -> (probability, logit); None where the original gave no answer."""
        output = case["output"]
        if not isinstance(output, dict) or "logits" not in output:
            return None
        if "classes" in output:
            probabilities = output["classes"]
        else:
            labels = self.document["labels"] or [str(index) for index in range(len(output["logits"]))]
            probabilities = dict(zip(labels, output["probs"], strict=True))
        logits = output["logits"]
        if self.document.get("probabilities_only"):
            logits = [None] * len(logits)
        return {label: (p, logit) for (label, p), logit in zip(probabilities.items(), logits, strict=True)}


SERVED_FOLDERS = ("biome-text-0.3_allennlp-0.9", "allennlp-2.10")


def _archives() -> Iterator[Oracle]:
    elsewhere = os.environ.get("VITRINE_ORACLES")
    if elsewhere:
        root = Path(elsewhere)
        for folder in SERVED_FOLDERS:
            for archive in sorted((root / folder).glob("*.tar.gz")):
                yield Oracle(archive, root / "hub")
    else:
        for archive in sorted(CARRIED.glob("*.tar.gz")):
            yield Oracle(archive, CARRIED / "hub")


ORACLES = {oracle.name: oracle for oracle in _archives()}
