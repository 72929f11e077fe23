"""Every hostile archive is refused with a reason, in bounded time and memory, and does nothing meanwhile."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fault.archives import LIMITS, Hostile
from tests.fault.archives.checkpoints import CHECKPOINTS, HARMLESS, checkpoint
from tests.fault.archives.configurations import CONFIGURATIONS
from tests.fault.archives.tars import TARS
from tests.fault.archives.weights import MARKER, WEIGHT_FILES
from tests.service.process import ROOT
from tests.unit.models.archives import members, packed

HOSTILE: dict[str, Hostile] = {**TARS, **WEIGHT_FILES, **CONFIGURATIONS, **CHECKPOINTS}
SECONDS = 5.0
STRACE = shutil.which("strace")

Reports = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("archives")
    builds = {name: hostile.build for name, hostile in HOSTILE.items()} | HARMLESS
    paths = {name: build(folder / f"archive{number}.tar.gz") for number, (name, build) in enumerate(builds.items())}
    paths["honest"] = packed(folder / "honest.tar.gz", members())
    paths["honest checkpoint"] = checkpoint()(folder / "honest-checkpoint.tar.gz")
    return paths


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


def reports_of(paths: dict[str, Path], scratch: Path, *before: str) -> Iterator[dict[str, Any]]:
    done = subprocess.run(
        [*before, sys.executable, "-W", "ignore", "-m", "tests.fault.open_archives"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "0"},
        input=json.dumps({name: str(path) for name, path in paths.items()}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return map(json.loads, done.stdout.splitlines())


@pytest.fixture(scope="module")
def reports(built: dict[str, Path], scratch: Path) -> Reports:
    return {report["name"]: report for report in reports_of(built, scratch)}


@pytest.mark.parametrize("name", ["honest", "honest checkpoint", *HARMLESS])
def test_what_is_honest_is_served_and_what_it_asks_for_is_not_done(reports: Reports, name: str) -> None:
    report = reports[name]
    assert report["refused"] is None, report
    assert report["deeds"] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_with_its_reason(reports: Reports, name: str) -> None:
    report = reports[name]
    assert report["refused"] in {"UnsafeArchive", "BrokenArchive", "UnsupportedArchive", "MissingFiles"}, report
    assert re.search(HOSTILE[name].reason, report["reason"]), report
    assert "/tmp" not in report["reason"]
    assert len(report["reason"]) < 700


@pytest.mark.parametrize("name", HOSTILE)
def test_it_costs_little_and_does_nothing(reports: Reports, name: str) -> None:
    report = reports[name]
    assert report["seconds"] < SECONDS
    assert report["growth"] <= 2 * LIMITS.unpacked_bytes
    assert report["deeds"] == []


def test_nothing_is_left_behind(reports: Reports, scratch: Path) -> None:
    assert reports
    assert list(scratch.iterdir()) == []
    assert not Path(MARKER).exists()


@pytest.mark.long
@pytest.mark.skipif(not STRACE, reason="strace is not installed")
def test_the_kernel_saw_no_process_and_no_file_either(built: dict[str, Path], scratch: Path, tmp_path: Path) -> None:
    """What audit hooks of Python do not see: native code."""
    log = tmp_path / "calls"
    calls = "execve,execveat,openat,open,creat,connect,symlink,symlinkat,link,linkat,mkdir,mkdirat,rename,renameat2"
    reports = reports_of(
        built, scratch, str(STRACE), "-f", "--seccomp-bpf", "-qq", "-e", f"trace={calls}", "-o", str(log)
    )
    assert len(list(reports)) == len(built)
    seen = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines()]
    programs = [line for line in seen if line.startswith("execve")]
    assert len(programs) == 1, programs
    changes = [line for line in seen if re.match(r"open.*(O_WRONLY|O_RDWR|O_CREAT)|(?!open|exec)[a-z]+\(", line)]
    known = (str(scratch), "/dev/null", "/proc/self/clear_refs", "torchinductor")
    assert [line for line in changes if not any(place in line for place in known)] == []
