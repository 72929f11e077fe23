"""Every command on every page is run, here or by the test that is named, or it says why not."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from tests.oracle.oracles import CARRIED
from tests.unit.docs.commands import PAGES, ROOT, Command, blocks, commands

ALL = [command for page in PAGES for command in commands(page)]

RUN_WITH_THEIR_PAGE = {
    "docs/clients.md": "tests/conformance/test_pages.py",
    "docs/migrate.md": "tests/conformance/test_pages.py",
}
"""A page -> the test that runs all that it shows."""

RUN_ELSEWHERE = {
    r"curl .*localhost:8000/(predict|_status)": "tests/conformance/test_pages.py",
    r"curl .*(business-names|products|duplicates)": "tests/service/test_readme.py",
    r"make test$|make test-browser|\.venv/bin/pytest|make lint": ".ci/run",
    r"make (install|install-dev)$": ".ci/run",
    r"(\.venv/bin/)?vitrine serve --store": "tests/service/process.py",
    r"(\.venv/bin/)?vitrine serve --key-file|curl -H .Authorization: Bearer": "tests/fault/test_access.py",
    r"make serve": "tests/service/test_readme.py",
    r"VITRINE_STORE=store .venv/bin/python swem.py": "tests/service/test_extend.py",
    r"vitrine bench": "tests/unit/benchmarks/test_bench_command.py",
    r"build/ray/bin/(ray start|serve deploy|serve status)": "tests/ray/cluster.py",
}
"""A pattern of commands -> what runs them."""

EXEMPT = {
    r"docker compose": "needs a Docker daemon; tests/unit/deploy holds the files",
    r"helm install|kubectl get --raw": "needs a cluster; tests/unit/deploy holds the adapter's rule",
    r"make bench|\.venv/bin/python -m benchmarks": "takes minutes",
    r"make ray$": "installs Ray, which takes minutes; tests/ray runs what it installs (`make test-ray`)",
    r"make (test-fault|fuzz|soak)": "takes minutes; `make test` runs the quick ones",
    r"make docs": "writes into docs; tests/unit/docs/test_site.py does the same elsewhere",
    r"\.venv/bin/pre-commit install": "writes into .git",
    r"curl -si? .*models/reviews/labels": "shows a body with gaps; tests/service/test_labels.py sends whole ones",
    r"make install-otel": "installs into .venv; its words are held against the extra (tests/unit/deploy)",
}
"""A pattern of commands -> why nothing runs them."""

VITRINE = re.compile(r"(?:(echo '.*') \| )?(?:\.venv/bin/)?vitrine (?!serve|bench)(.*)")
MANIFESTS = re.compile(r"kubectl apply -k (\S+)")
SECRET = re.compile(r"kubectl create secret")


def runs_here(line: str) -> bool:
    return any(pattern.match(line) for pattern in (VITRINE, MANIFESTS, SECRET))


@pytest.mark.parametrize("command", ALL, ids=lambda command: f"{command.page}: {command.line[:60]}")
def test_every_command_is_run_or_says_why_not(command: Command) -> None:
    if test := RUN_WITH_THEIR_PAGE.get(command.page):
        assert command.page.removeprefix("docs/") in (ROOT / test).read_text()
        return
    known = [pattern for pattern in (*RUN_ELSEWHERE, *EXEMPT) if re.match(pattern, command.line)]
    assert runs_here(command.line) or known, "run it in a test, and name the test here"


@pytest.mark.parametrize("pattern", [*RUN_ELSEWHERE, *EXEMPT])
def test_every_pattern_is_needed(pattern: str) -> None:
    assert any(re.match(pattern, command.line) for command in ALL)
    assert (ROOT / RUN_ELSEWHERE.get(pattern, ".")).exists()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pages' commands speak of, under the names that they use: archives of the originals."""
    text, pair = CARRIED / "biome_sequence_classifier_single.tar.gz", CARRIED / "biome_v33_pair_fwd_bwd.tar.gz"
    for name in ("reviews", "my-models/reviews", "store/reviews", "store/products"):
        place = tmp_path / f"{name}.tar.gz"
        place.parent.mkdir(exist_ok=True)
        shutil.copy(text, place)
    shutil.copy(pair, tmp_path / "store" / "duplicate-records.tar.gz")
    (tmp_path / "texts.jsonl").write_text('"the parcel arrived late"\n{"tokens": "fine"}\n')
    (tmp_path / "pairs.jsonl").write_text('{"record1": {"name": "Ann"}, "record2": {"name": "Anne"}}\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("line", sorted({command.line for command in ALL if VITRINE.match(command.line)}))
def test_vitrine_does_what_the_page_says(folder: Path, line: str) -> None:
    match = VITRINE.match(line)
    assert match
    given = shlex.split(match[1])[1] + "\n" if match[1] else None
    before = set(folder.rglob("*"))
    done = CliRunner().invoke(app, shlex.split(match[2]), input=given)
    assert done.exit_code == 0, done.output
    made = {path.name for path in set(folder.rglob("*")) - before}
    named = {word for word in shlex.split(match[2]) if re.search(r"(^OUT.*|\.(html|png)|^keys\.json)$", word)}
    assert named <= made


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not here")
@pytest.mark.parametrize("line", [command.line for command in ALL if command.line.startswith("kubectl")])
def test_kubectl_takes_what_the_page_says(line: str) -> None:
    if match := MANIFESTS.match(line):
        words = ["kubectl", "kustomize", match[1]]
    elif SECRET.match(line):
        words = [*shlex.split(line), "--dry-run=client", "--output=name"]
    else:
        pytest.skip("needs a cluster")
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)


def test_the_makefile_has_the_targets_that_pages_name() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {command.line.split()[1] for command in ALL if command.line.startswith("make ")}
    assert named <= targets
    for page in PAGES:
        assert set(re.findall(r"`make ([\w-]+)", page.read_text())) <= targets, page


def test_the_quick_start_shows_what_the_readme_shows() -> None:
    """The README's are run, and their answers held against what the page says."""
    shown, run = (
        {one.strip() for block in blocks((ROOT / page).read_text()) for one in block.split("\n\n") if "curl" in one}
        for page in ("docs/index.md", "README.md")
    )
    assert shown
    assert shown <= run
