"""The site: `make docs` builds it without a warning, and nothing of it comes from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.api_page import api_page
from tests.unit.docs.commands import ROOT


def test_the_api_page_is_current() -> None:
    assert (ROOT / "docs" / "api.md").read_text() == api_page(), "run `make docs`"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_found_from_every_page(site: Path) -> None:
    pages = {str(path.relative_to(ROOT / "docs").with_suffix(".html")) for path in (ROOT / "docs").rglob("*.md")}
    linked = set(re.findall(r'href="([^"#]+\.html)"', (site / "index.html").read_text())) | {"index.html"}
    assert pages <= linked, "name it in mkdocs.yml"


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]*\bsrc="(https?:)?//|<link[^>]*\bhref="https?://(?![^"]*"[^>]*canonical)'
    )
    for page in site.rglob("*.html"):
        assert not loaded.search(page.read_text()), page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", sheet.read_text()), sheet.name
