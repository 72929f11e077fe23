"""docs/archives.md is true: every archive at hand is in its table, and every row of the table has an archive."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models.loading import load_classifier
from tests.oracle.oracles import ORACLES

ROOT = Path(__file__).parents[2]
CHECKPOINTS = sorted(path for path in (ROOT / "tests" / "data" / "checkpoints").iterdir() if path.is_dir())


def rows() -> set[tuple[str, str, str]]:
    """(library, versions, class) of each row."""
    page = (ROOT / "docs" / "archives.md").read_text()
    table = page.partition("| library | versions | class | instance |")[2].partition("\n\n")[0]
    found = re.findall(r"^\| ([\w.]+) \| ([^|]+) \| ([\w.]+)[^|]* \|", table, re.MULTILINE)
    return {(library, versions, name) for library, versions, name in found}


def bounds(versions: str) -> tuple[list[int], list[int]]:
    parts = [[int(part) for part in one.split(".")] for one in re.split(r"\s*[-–]\s*", versions)]  # noqa: RUF001
    return parts[0], parts[-1]


def covering(library: str, versions: str, name: str) -> list[tuple[str, str, str]]:
    """The rows that an archive's source falls under."""
    low, high = bounds(versions)
    return [
        row
        for row in rows()
        if row[0] == library and row[2] == name and bounds(row[1])[0] <= low and high <= bounds(row[1])[1]
    ]


def test_the_table_covers_the_archives_and_the_archives_cover_the_table() -> None:
    covered: set[tuple[str, str, str]] = set()
    for oracle in ORACLES.values():
        source = oracle.load().source
        found = covering(source.library, source.versions, source.architecture)
        assert found, source
        covered.update(found)
    assert covered == {row for row in rows() if row[0] != "transformers"}


@pytest.mark.parametrize("checkpoint", CHECKPOINTS, ids=lambda path: path.name)
def test_checkpoints_are_transformers(checkpoint: Path) -> None:
    source = load_classifier(checkpoint).source
    assert source.library == "transformers"
    assert source.architecture.endswith("ForSequenceClassification")
    assert any(row[0] == "transformers" for row in rows())
