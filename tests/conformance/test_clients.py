"""tritonclient and kserve, as they come from PyPI, each in an environment of their own, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import KEY
from tests.oracle.oracles import CARRIED, Oracle
from tests.service.process import ROOT, ServerProcess

PYTHON = ROOT / "build" / "clients" / "bin" / "python"
SERVED = ("allennlp210_cnn", "biome_v33_pair_fwd_bwd")


def truth(name: str) -> list[dict[str, Any]]:
    """The first cases that the original answered."""
    oracle = Oracle(CARRIED / f"{name}.tar.gz", CARRIED / "hub")
    answered = [(case["input"], oracle.truth(case)) for case in oracle.document["cases"]]
    return [
        {"instance": instance, "probabilities": {label: p for label, (p, _) in said.items()}}
        for instance, said in answered
        if said
    ][:12]


@pytest.mark.skipif(not PYTHON.exists(), reason="make clients installs them")
@pytest.mark.parametrize("script", ["with_tritonclient.py", "with_kserve.py"])
def test_an_unmodified_client(server: ServerProcess, script: str) -> None:
    known = json.dumps({name: truth(name) for name in SERVED})
    command = [PYTHON, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", "-c", os.devnull]
    done = subprocess.run(
        [*command, Path(__file__).parent / script],
        env={**os.environ, "VITRINE_URL": server.url, "VITRINE_KEY": KEY, "VITRINE_TRUTH": known, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
