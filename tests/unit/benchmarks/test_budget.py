"""Where the time goes, on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.budget import REST, STAGES, budget, draw, table
from benchmarks.models import MODELS, make


def test_the_parts_are_what_the_server_took(tmp_path: Path) -> None:
    found = budget(make(MODELS["tiny"], tmp_path), clients=4, seconds=1.0, threads=1, stage_seconds=0.05)
    assert set(found.parts) == {*STAGES, REST}
    assert all(value > 0 for value in found.parts.values())
    assert sum(found.parts.values()) == pytest.approx(found.served.cpu)
    assert 1 <= found.served.batch <= 4
    assert found.served.padding == pytest.approx(1.0)
    assert found.parts["encode"] == max(found.stages.values())
    assert table([found]).splitlines()[-1].startswith("| tiny | ")
    draw(tmp_path / "budget.svg", [found])
    assert (tmp_path / "budget.svg").read_text().startswith("<?xml")
