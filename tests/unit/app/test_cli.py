"""The command line as a process, on an archive that the loader refuses and one line of help."""

import json
import subprocess
import sys
import tarfile
import time

import pytest

from tests.service.forked import vitrine
from tests.service.process import ROOT


@pytest.fixture
def damaged(tmp_path):
    path = tmp_path / "damaged.tar.gz"
    with tarfile.open(path, "w:gz"):
        pass
    return path


def test_help_lists_the_commands_without_loading_torch():
    script = "import sys; from app.cli import app; sys.exit('torch' in sys.modules or 'fastapi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
    started = time.monotonic()
    command = [sys.executable, "-m", "app.cli", "--help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert time.monotonic() - started < 3
    for command in ("serve", "demo", "predict", "inspect"):
        assert command in shown.stdout


def test_inspect_says_what_is_wrong_with_an_archive(damaged):
    told = vitrine("inspect", damaged, "--json")
    assert told.returncode == 1
    (problem,) = json.loads(told.stdout)["problems"]
    assert problem["reason"]
    assert "Traceback" not in told.stderr


def test_predict_on_a_damaged_or_missing_archive_is_a_sentence(damaged, tmp_path):
    for path in (damaged, tmp_path / "missing.tar.gz"):
        told = vitrine("predict", path, input='"fine"\n')
        assert told.returncode == 1
        assert told.stdout == ""
        assert told.stderr.startswith("vitrine: ")
        assert "Traceback" not in told.stderr
