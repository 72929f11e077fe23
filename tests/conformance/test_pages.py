"""What docs/clients.md and docs/migrate.md show runs as it is shown, against servers of the names that they use."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from tests.conformance.conftest import KEY
from tests.conformance.test_clients import PYTHON
from tests.service.process import ROOT, ServerProcess


def blocks(page: str, heading: str = "") -> list[tuple[str, str]]:
    """(language, code) of each example, of one section where its heading is given."""
    text = (ROOT / "docs" / page).read_text()
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0] if heading else text
    return re.findall(r"^```(\w+)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def run(language: str, code: str, server: ServerProcess) -> str:
    """What it prints. Fails where it fails, or where a curl is not answered."""
    commands = {
        "js": ["node", "--input-type=module", "-"],
        "sh": ["bash", "-euo", "pipefail", "-"],
        "python": [str(PYTHON) if "triton" in code or "kserve" in code else sys.executable, "-"],
    }
    code = (
        code.replace("localhost:8000", server.url.removeprefix("http://"))
        .replace("KEY", KEY)
        .replace("curl -s", "curl -sS --fail-with-body")
    )
    done = subprocess.run(
        commands[language],
        input=code,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, code + done.stdout + done.stderr
    return done.stdout


CLIENTS = blocks("clients.md")


@pytest.mark.parametrize(("language", "code"), CLIENTS, ids=[f"{number}" for number in range(len(CLIENTS))])
def test_clients(server: ServerProcess, language: str, code: str) -> None:
    if language == "js" and not shutil.which("node"):
        pytest.skip("node is not installed")
    if ("triton" in code or "kserve" in code) and not PYTHON.exists():
        pytest.skip("make clients installs them")
    printed = run(language, code, server)
    assert any(label in printed for label in ("bakery", "restaurant", "plumbing", "law", "fitness", "READY")), printed


def test_every_language_and_client_is_shown() -> None:
    assert {language for language, _ in CLIENTS} == {"sh", "python", "js"}
    assert all(any(name in code for _, code in CLIENTS) for name in ("httpx", "tritonclient", "kserve", "curl"))


def test_migrating_from_allennlp_server(allennlp_server: ServerProcess) -> None:
    ((language, code),) = blocks("migrate.md", "From `allennlp serve` and allennlp-server")
    printed = run(language, code, allennlp_server)
    assert printed.count('"token_ids"') == code.count("curl")


def test_migrating_from_biome_serve(server: ServerProcess) -> None:
    ((language, code),) = blocks("migrate.md", "From biome.text's `serve`")
    printed = run(language, code, server)
    assert all(key in printed for key in ('"attributions"', '"tokens"', '"features"', '{"ok":true}'))


def test_the_options_of_the_page_exist() -> None:
    page = (ROOT / "docs" / "migrate.md").read_text()
    assert {"--compat allennlp", "--compat biome", "--compat-model"} <= set(
        re.findall(r"--compat(?:-model| \w+)", page)
    )
