"""Marks every test by its folder, so that `pytest -m unit` runs tests/unit, and has clocks read again."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent

READINGS = 3
"""Of a clock, on a machine that others use as well: a busy moment passes, a fault shows each time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(item.path.relative_to(HERE).parts[0])
        if item.get_closest_marker("clock"):
            item.add_marker(pytest.mark.flaky(reruns=READINGS - 1))
