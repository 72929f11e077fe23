"""What the settings ask of a model that is loaded is done, or said why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.service import _loader
from app.settings import Settings
from tests.unit.models.test_checkpoint import checkpoint

__all__ = ["checkpoint"]


@pytest.mark.parametrize(
    ("asked", "precision", "engine", "said"),
    [
        ({}, "fp32", "torch", []),
        ({"engine": "openvino"}, "fp32", "openvino", ["engine chosen"]),
        ({"precision": "bf16"}, "bf16", "torch", ["precision reduced"]),
        ({"engine": "openvino", "precision": "bf16"}, "bf16", "openvino", ["precision reduced", "engine chosen"]),
    ],
)
def test_an_encoder_runs_as_the_settings_say(
    checkpoint: Callable[[str], Path], asked: dict[str, Any], precision: str, engine: str, said: list[str]
) -> None:
    with capture_logs() as logs:
        classifier = _loader(Settings(**asked))(checkpoint("bert"))
    assert (classifier.precision, classifier.engine) == (precision, engine)
    assert [line["event"] for line in logs] == said


def test_one_that_cannot_stays_as_it_was_and_the_log_says_why(checkpoint: Callable[[str], Path]) -> None:
    with capture_logs() as logs:
        classifier = _loader(Settings(engine="openvino", precision="bf16"))(checkpoint("distilbert"))
    assert (classifier.precision, classifier.engine) == ("fp32", "torch")
    assert [(line["event"], line["archive"], line["log_level"]) for line in logs] == [
        ("precision refused", "distilbert", "warning"),
        ("engine refused", "distilbert", "warning"),
    ]
    assert all("only" in line["reason"] for line in logs)
