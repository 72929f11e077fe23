"""What is measured as the original's way must say what the original said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parents[2] / "data" / "oracles"
ROOT = Path(__file__).parents[3]
NAME = "biome_v33_pair_fwd_bwd"


def test_the_originals_way_gives_the_originals_answers(tmp_path: Path) -> None:
    recorded = json.loads((DATA / f"{NAME}.expected.json").read_text())
    cases = [case for case in recorded["cases"] if case["output"] and case["output"]["labels"]]
    instances = tmp_path / "instances.jsonl"
    instances.write_text("".join(f"{json.dumps(case['input'])}\n" for case in cases))
    script = [sys.executable, "-m", "benchmarks.servers.original_loop", str(DATA / f"{NAME}.tar.gz"), str(instances)]
    done = subprocess.run([*script, "--seconds", "0.1", "--threads", "2"], capture_output=True, check=True, cwd=ROOT)
    found = json.loads(done.stdout)
    assert len(found["answers"]) == len(cases) > 1
    for (label, score), case in zip(found["answers"], cases, strict=True):
        assert label == case["output"]["labels"][0]
        assert score == pytest.approx(case["output"]["probabilities"][0], abs=1e-5)
    assert all(row["rate"] > 0 for row in found["rows"].values())
