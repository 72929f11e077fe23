"""The README's promise: the demo store is trained, served, and answers each curl as the page says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.service.process import VITRINE, running

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SCORE = 0.02
"""How far training on another machine may move a score that the page shows."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "app.cli", "demo", "--store", str(folder)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    shown = dict(re.findall(r"trained (\S+) in \d+ s: accuracy (\S+)%", made.stderr))
    said = dict(re.findall(r"([a-z-]+) (\d+\.\d) %", README))
    assert shown.keys() == said.keys()
    for name, accuracy in said.items():
        assert float(shown[name]) == pytest.approx(float(accuracy), abs=2.0)
    return folder


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[str]:
    with running(store, command=VITRINE, demo=True) as process:
        yield process.url


def curls() -> list[tuple[str, str, str]]:
    """(path, body, first line of the answer) of each curl in the README."""
    found = []
    for command, answer in re.findall(
        r"^    \$ (curl .*?localhost:8000\S+)\n    (\{.*?)$", README, re.DOTALL | re.MULTILINE
    ):
        words = shlex.split(command.replace("\\\n", " "))
        found.append((words[-1].removeprefix("localhost:8000"), words[words.index("--json") + 1], answer))
    return found


def test_the_page_has_a_curl_for_each_kind_of_input_and_for_labels() -> None:
    ends = [path.rpartition("/")[2].rpartition(":")[2] for path, _, _ in curls()]
    assert ends == ["predict", "predict", "predict", "labels", "predict"]


@pytest.mark.parametrize(("path", "body", "answer"), curls()[:3])
def test_curls_answer_as_shown(server: str, path: str, body: str, answer: str) -> None:
    response = httpx.post(f"{server}{path}", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 200
    scores = response.json()["predictions"][0]["scores"]
    shown = re.findall(r'\{"label":"(\w+)","score":([\d.]+)\}', answer)
    assert shown
    for (label, score), given in zip(shown, scores, strict=False):
        assert given["label"] == label
        assert given["score"] == pytest.approx(float(score), abs=SCORE)


def test_labels_are_taught_as_shown(server: str) -> None:
    (teach, file, _), (predict, body, _) = curls()[3:]
    examples = (ROOT / file.removeprefix("@")).read_bytes()
    json_type = {"Content-Type": "application/json"}
    taught = httpx.post(f"{server}{teach}", content=examples, headers=json_type, timeout=30).raise_for_status().json()
    assert (taught["version"], taught["added"]) == ("2", ["lodging", "finance"])
    answer = httpx.post(f"{server}{predict}", content=body, headers=json_type).raise_for_status().json()
    assert (answer["version"], answer["predictions"][0]["label"]) == ("2", "lodging")


def test_offline_commands_of_the_page_work(store: Path, tmp_path: Path) -> None:
    archive = store / "business-names.tar.gz"
    lines = tmp_path / "texts.jsonl"
    lines.write_text('"The Golden Lotus Noodle Bar"\n{"tokens": "Harcourt & Byrne Solicitors LLP"}\n')
    vitrine = [sys.executable, "-m", "app.cli"]
    inspected = subprocess.run([*vitrine, "inspect", str(archive), "--json"], cwd=ROOT, capture_output=True, check=True)
    assert "food" in json.loads(inspected.stdout)["labels"]
    done = subprocess.run([*vitrine, "predict", str(archive), str(lines)], cwd=ROOT, capture_output=True, check=True)
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == ["food", "legal"]
