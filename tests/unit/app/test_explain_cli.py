"""`vitrine explain` as a process, on an archive of the original."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from tests.oracle.oracles import CARRIED
from tests.service.forked import vitrine
from tests.service.process import ROOT

PAIR = CARRIED / "biome_v33_pair_fwd_bwd.tar.gz"
ARCHIVE = CARRIED / "biome_sequence_classifier_single.tar.gz"
LINES = '"the parcel <arrived> late"\n\n7\n{"tokens": "fine café"}\n'


WITHOUT_MATPLOTLIB = "import sys; sys.modules['matplotlib'] = None; from app.cli import main; main()"


def explain(*options, lines=LINES, archive=ARCHIVE):
    return vitrine("explain", archive, *options, input=lines)


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


def test_a_pair_of_records_as_an_image(tmp_path):
    records = {"record1": {"first_name": "Hans", "city": "Rom"}, "record2": {"first_name": "Ana", "city": "Rom"}}
    files = ("--html", tmp_path / "page.html", "--png", tmp_path / "pair.png")
    told = explain("--method", "biome", *files, lines=json.dumps(records), archive=PAIR)
    assert told.returncode == 0, told.stderr
    assert told.stderr == ""
    with Image.open(tmp_path / "pair.png") as drawn:
        width, height = drawn.size
    assert width > height > 100
    page = (tmp_path / "page.html").read_text()
    assert page.count('class="track"') == 4
    assert page.index("record1") < page.index("record2") < page.index("Hans") < page.index("Ana")


def test_files_that_cannot_be_written_are_told_before_anything_is_explained(tmp_path):
    missing = explain("--png", tmp_path / "none" / "it.png")
    folder = explain("--html", tmp_path)
    command = [sys.executable, "-c", WITHOUT_MATPLOTLIB, "explain", str(ARCHIVE), "--png", str(tmp_path / "it.png")]
    needed = subprocess.run(command, cwd=ROOT, input=LINES, capture_output=True, text=True, timeout=60, check=False)
    for told, says in ((missing, "folder that exists"), (folder, "cannot be written"), (needed, "pip install")):
        assert told.returncode == 1
        assert told.stdout == ""
        assert says in told.stderr
        assert "Traceback" not in told.stderr


def test_options_that_do_not_fit_are_a_sentence():
    for option, value, says in (("--target", "nobody", "Accepted"), ("--method", "biome", "saliency")):
        told = explain(option, value)
        assert told.returncode == 1
        assert told.stderr.startswith("vitrine: ")
        assert says in told.stderr
        assert "Traceback" not in told.stderr
