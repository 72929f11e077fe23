"""`vitrine explain` as a process, on an archive of the original."""

import json
import subprocess
import sys

import pytest

from tests.oracle.oracles import CARRIED
from tests.service.process import ROOT

ARCHIVE = CARRIED / "biome_sequence_classifier_single.tar.gz"
LINES = '"the parcel <arrived> late"\n\n7\n{"tokens": "fine café"}\n'


def explain(*options, lines=LINES):
    command = [sys.executable, "-m", "app.cli", "explain", str(ARCHIVE), *map(str, options)]
    return subprocess.run(command, cwd=ROOT, input=lines, capture_output=True, text=True, timeout=60, check=False)


def test_lines_in_lines_out_and_a_page(tmp_path):
    told = explain("--n-steps", "auto", "--normalize", "l1", "--html", tmp_path / "page.html")
    answers = [json.loads(line) for line in told.stdout.splitlines()]
    assert [answer["instance"] for answer in answers] == [0, 1, 2]
    assert "string or an object" in answers[1]["error"]
    assert told.returncode == 1
    assert sum(abs(part["attribution"]) for part in answers[2]["attributions"]) == pytest.approx(1)
    page = (tmp_path / "page.html").read_text()
    assert page.count("<article>") == 3
    assert "&lt;" in page
    assert "<arrived>" not in page


def test_options_that_do_not_fit_are_a_sentence():
    for option, value, says in (("--target", "nobody", "Accepted"), ("--method", "biome", "saliency")):
        told = explain(option, value)
        assert told.returncode == 1
        assert told.stderr.startswith("vitrine: ")
        assert says in told.stderr
        assert "Traceback" not in told.stderr
