"""A fuzzer that looks for ways through the code of the parsers and featurizers finds none that ends in an error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.process import ROOT

SECONDS = int(os.environ.get("FUZZ_SECONDS", "10"))


def test_nothing_that_is_sent_raises_anything_but_a_refusal(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no build for this platform")
    options = [f"-max_total_time={SECONDS}", "-max_len=4096", "-timeout=10", f"-artifact_prefix={tmp_path}/"]
    command = [sys.executable, "-m", "tests.fault.fuzzing", *options, str(tmp_path)]
    fuzzed = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=SECONDS + 120
    )
    assert fuzzed.returncode == 0, fuzzed.stderr[-4000:]
    assert re.search(r"Done \d\d+ runs", fuzzed.stderr)
