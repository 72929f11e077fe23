"""`RecordPairClassification.explain_prediction` gives what biome.text gave, to 1e-4."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from models.errors import InvalidInstance
from models.loading import load_classifier
from models.record_pair_classification import RecordPairClassification
from tests.oracle.oracles import CARRIED, ORACLES, Oracle

ATTRIBUTION = 1e-4
NOISE = 1e-5
"""Originals whose norm is smaller, but not zero, gave noise."""
PAIRS = {name: oracle for name, oracle in ORACLES.items() if oracle.document.get("kind") == "record_pair"}
RECORDS = {"record1": {"first_name": "Hans", "city": "Rom"}, "record2": {"first_name": "Ana", "city": "Köln"}}


def head_of(oracle: Oracle) -> RecordPairClassification:
    head = getattr(oracle.load().model, "head", None)
    if not isinstance(head, RecordPairClassification):
        pytest.skip("a record pair of biome.text 0.3")
    return head


def recorded(oracle: Oracle) -> Iterator[tuple[dict[str, Any], list[float] | None, int, Any]]:
    """Input, logits, steps and what the original gave: its "explain", or one number after the other."""
    for suffix in ("explain_prediction", "explanations"):
        path = oracle.archive.with_name(f"{oracle.name}.{suffix}.json")
        for one in json.loads(path.read_text()) if path.exists() else []:
            steps = one["n_steps"] if "n_steps" in one else one["parameters"]["n_steps"]
            yield one["input"], one.get("logits"), steps, one.get("explain") or one["attributions"]
    for case in oracle.document["cases"]:
        for own in filter(None, [case.get("explain"), *case.get("explain_more", [])]):
            wanted = own.get("explain") or [part["attribution"] for part in own.get("attributions") or []]
            if wanted and not is_noise(own):
                yield case["input"], case["output"]["logits"], own["n_steps"], wanted


def is_noise(own: dict[str, Any]) -> bool:
    norms = [raw["l2_norm"][index] for index, raw in enumerate(own["raw"])]
    return any(norm == "NaN" or 0 < norm < NOISE for norm in norms)


def numbers(node: Any) -> list[float]:
    if isinstance(node, dict):
        return numbers(node["attribution"]) if "attribution" in node else numbers(list(node.values()))
    if isinstance(node, list):
        return [number for child in node for number in numbers(child)]
    return [0.0 if node == "NaN" else node]


def texts(node: Any) -> Any:
    if isinstance(node, dict):
        return node["token"] if "token" in node else {key: texts(child) for key, child in node.items()}
    return [texts(child) for child in node]


@pytest.mark.parametrize("name", PAIRS)
def test_the_originals_numbers_in_the_originals_format(name: str) -> None:
    head, cases = head_of(PAIRS[name]), list(recorded(PAIRS[name]))
    assert cases
    for records, logits, steps, wanted in cases:
        prediction = {"logits": logits} if logits else {}
        explained = head.explain_prediction(prediction, head.featurize(**records), steps)
        assert explained is prediction
        assert numbers(explained["explain"]) == pytest.approx(numbers(wanted), abs=ATTRIBUTION), records
        if isinstance(wanted, dict):
            assert texts(explained["explain"]) == texts(wanted)


@pytest.fixture(scope="module")
def head() -> RecordPairClassification:
    classifier: Any = load_classifier(CARRIED / "biome_v33_pair_fwd_bwd.tar.gz")
    return classifier.model.head


def test_records_by_name_and_the_heads_own_label(head: RecordPairClassification) -> None:
    by_name = head.explain_prediction({"labels": ["duplicate"]}, RECORDS, 5)
    assert by_name["labels"] == ["duplicate"]
    reading = head.featurize(**RECORDS)
    own, other = (
        head.explain_prediction({"logits": torch.tensor(row)}, reading, 5) for row in ([1.0, 0.0], [0.0, 1.0])
    )
    assert by_name["explain"] in (own["explain"], other["explain"])
    assert own["explain"] != other["explain"]


def test_no_steps_attribute_nothing(head: RecordPairClassification) -> None:
    for steps in (0, -1):
        explain = head.explain_prediction({}, RECORDS, steps)["explain"]
        assert texts(explain)["record1"] == [["first_name", "Hans"], ["city", "Rom"]]
        assert set(numbers(explain)) == {0.0}


def test_records_of_different_numbers_of_fields_are_refused(head: RecordPairClassification) -> None:
    with pytest.raises(InvalidInstance, match="2 and 1 fields"):
        head.explain_prediction({}, {**RECORDS, "record2": {"city": "Rom"}}, 5)


def test_explaining_leaves_the_head_as_it_was(head: RecordPairClassification) -> None:
    """Parameters that are being trained keep wanting their gradients, and get none."""
    head.requires_grad_(True)
    try:
        head.explain_prediction({}, RECORDS, 5)
        assert all(parameter.requires_grad and parameter.grad is None for parameter in head.parameters())
    finally:
        head.requires_grad_(False)
