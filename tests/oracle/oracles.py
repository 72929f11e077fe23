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
        document: dict[str, Any] = json.loads(self.archive.with_name(f"{self.name}.expected.json").read_text())
        if "labels" not in document:
            answered = (case["output"] for case in document["cases"] if self._has_logits(case["output"]))
            document["labels"] = next(answered)["logits_labels"]
        return document

    def load(self) -> Classifier:
        return load_classifier(self.archive, hub=self.hub)

    def truth(self, case: Mapping[str, Any]) -> dict[str, tuple[float, float | None]] | None:
        """Label -> (probability, logit); None where the original gave no answer."""
        output = case["output"]
        if not self._has_logits(output):
            return None
        if "logits_labels" in output:
            return self._by_name(output)
        if "classes" in output:
            probabilities = output["classes"]
        else:
            labels = self.document["labels"] or [str(index) for index in range(len(output["logits"]))]
            probabilities = dict(zip(labels, output["probs"], strict=True))
        logits = output["logits"]
        if self.document.get("probabilities_only"):
            logits = [None] * len(logits)
        return {label: (p, logit) for (label, p), logit in zip(probabilities.items(), logits, strict=True)}

    @staticmethod
    def _has_logits(output: Any) -> bool:
        return isinstance(output, dict) and "logits" in output

    @staticmethod
    def _by_name(output: Mapping[str, Any]) -> dict[str, tuple[float, float | None]]:
        """biome.text 1.x - 3.x: probabilities from the highest to the lowest, logits in index order."""
        logits = dict(zip(output["logits_labels"], output["logits"], strict=True))
        if "classes" in output:
            probabilities = output["classes"]
        else:
            probabilities = dict(zip(output["labels"], output["probabilities"], strict=True))
        return {label: (p, logits[label]) for label, p in probabilities.items() if label in logits}

    def tokens(self, case: Mapping[str, Any]) -> list[list[Mapping[str, Any]]] | None:
        """The tokens of each text, in order: `text`, and where they were recorded `start` and `end`."""
        recorded = case.get("tokens") or case.get("debug", {}).get("tokens")
        if recorded:
            inputs = recorded.values() if isinstance(recorded, dict) else [recorded]
            nested = [texts if isinstance(texts[0], list) else [texts] for texts in inputs]
            return [[{"text": token} for token in tokens] for texts in nested for tokens in texts]
        if self.truth(case) is None:
            return None
        tokens = case["output"].get("tokens")
        return tokens if not tokens or isinstance(tokens[0], list) else [tokens]


SERVED_FOLDERS = ("biome-text-0.3_allennlp-0.9", "allennlp-2.10", "biome-text")


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
