"""`vitrine bench` with a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.bench.serving import NotServed, serving
from app.cli import app

CHECKPOINTS = Path(__file__).parents[2] / "data" / "checkpoints"
FEW = ["--rounds", "1", "--seconds", "0.3", "--clients", "1", "--clients", "4", "--bulk", "8", "--json"]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    path.write_text("".join(f"{json.dumps(f'number {number} of them')}\n" for number in range(64)))
    return path


def test_the_table_has_the_bare_model_and_every_load(texts: Path) -> None:
    result = CliRunner().invoke(app, ["bench", str(CHECKPOINTS / "bert_pair"), str(texts), *FEW])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    rates = {row["name"]: row["rate"] for row in found["rows"]}
    assert list(rates) == [
        "bare model",
        "bare model and featurizing",
        "bare model and featurizing, one by one",
        "1 client, 1 text",
        "4 clients, 1 text",
        "4 clients, 8 texts",
        "open loop, 70% of the best",
    ]
    assert all(rate > 0 for rate in rates.values())
    assert found["agreement"]["instances"] > 64
    assert found["agreement"]["other_labels"] == 0
    assert found["agreement"]["max_delta"] < 1e-4


@pytest.fixture(scope="module")
def another() -> Iterator[str]:
    """The URL of a server of another model."""
    with serving(CHECKPOINTS / "distilbert_multilabel") as server:
        yield server.url


def test_answers_of_another_model_do_not_count(texts: Path, another: str) -> None:
    other = ["--url", another, "--model", "distilbert_multilabel"]
    result = CliRunner().invoke(app, ["bench", str(CHECKPOINTS / "bert_pair"), str(texts), *FEW, *other])
    assert result.exit_code == 1
    assert "another label than the offline model" in result.stderr


def test_a_model_that_is_not_there_is_said(texts: Path, another: str) -> None:
    other = ["--url", another, "--model", "nothing"]
    result = CliRunner().invoke(app, ["bench", str(CHECKPOINTS / "bert_pair"), str(texts), *FEW, *other])
    assert result.exit_code == 1
    assert "status 404" in result.stderr


def test_too_few_texts_are_said(tmp_path: Path) -> None:
    (tmp_path / "few.jsonl").write_text('"one"\n"two"\n')
    result = CliRunner().invoke(app, ["bench", str(CHECKPOINTS / "bert_pair"), str(tmp_path / "few.jsonl")])
    assert result.exit_code == 1
    assert "2 instances; give at least 64" in result.stderr


def test_a_server_that_loads_nothing_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "broken.tar.gz").write_bytes(b"nothing")
    with pytest.raises(NotServed), serving(tmp_path / "broken.tar.gz"):
        pass


def test_answers_in_fewer_bits_are_held_against_full_ones(texts: Path) -> None:
    reduced = ["--precision", "bf16", "--device", "cpu"]
    result = CliRunner().invoke(app, ["bench", str(CHECKPOINTS / "bert_pair"), str(texts), *FEW, *reduced])
    assert result.exit_code == 0, result.output
    assert 0 < json.loads(result.stdout)["agreement"]["max_delta"] < 0.05


def test_a_device_that_is_not_there_is_said(texts: Path) -> None:
    result = CliRunner().invoke(app, ["bench", str(CHECKPOINTS / "bert_pair"), str(texts), "--device", "cuda:99"])
    assert result.exit_code == 1
    assert "Choose from: auto, cpu" in result.stderr
