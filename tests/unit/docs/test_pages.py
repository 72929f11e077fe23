"""The pages say what is true: generated ones are current, links lead somewhere, names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.errors import ANSWERS, ROUTER_CODES
from app.metrics import Metrics
from app.settings import Settings
from app.settings_page import settings_page

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_settings_page_is_current() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_named_in_a_page_exist(page: Path) -> None:
    named = {name.lower() for name in re.findall(r"VITRINE_([A-Z_]+[A-Z])", page.read_text())}
    assert named <= set(Settings.model_fields) | {"oracles"}


def test_every_code_of_the_api_page_exists() -> None:
    codes = {answer.code for answer in ANSWERS.values()} | set(ROUTER_CODES.values())
    rows = re.findall(r"^\| (\d{3}) \| (.*?) \|", (ROOT / "docs" / "http.md").read_text(), re.MULTILINE)
    documented = {code for _, cell in rows for code in re.findall(r"`(\w+)`", cell)}
    assert documented
    assert documented <= codes


def test_metrics_of_the_operations_page_exist() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    documented = {name for name in re.findall(r"`(vitrine_\w+)`", page) if name.endswith(("_total", "_seconds"))}
    metrics = Metrics().registry.collect()
    exposed = {f"{family.name}_total" if family.type == "counter" else family.name for family in metrics}
    assert documented
    assert documented <= exposed
