"""Marks tests by their folder, so that `pytest -m unit` runs tests/unit; has clocks read again, with nothing beside."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent

READINGS = 3
"""Of a clock, on a machine that others use as well: a busy moment passes, a fault shows each time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        item.add_marker(folder)
        clock = item.get_closest_marker("clock")
        if clock or folder == "fault":
            item.add_marker("alone")
        if clock:
            item.add_marker(pytest.mark.flaky(reruns=READINGS - 1))
