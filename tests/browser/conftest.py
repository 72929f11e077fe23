"""A real browser on a real server. A page that logs an error, breaks its policy or asks another host fails its test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browser.watched import Watched
from tests.oracle.oracles import CARRIED
from tests.service.process import VITRINE, ServerProcess, running
from tests.service.tiny import write_tiny

CHECKPOINTS = CARRIED.parent / "checkpoints"
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MODELS = {
    "texts": "biome_sequence_classifier_single",
    "moods": "biome_v10_text_multilabel_cnn",
    "records": "biome_sequence_classifier_record",
    "pairs": "biome_v33_pair_fwd_bwd",
    "relations": "biome_v22_relation",
}
"""Name in the store -> archive. Between them they have every kind of input."""
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
ARABIC = "\u0645\u062a\u062c\u0631 \u0627\u0644\u0643\u062a\u0628 \u0627\u0644\u062c\u062f\u064a\u062f"
HOSTILE_LABELS = [HOSTILE, ARABIC, "plain"]


@pytest.fixture(scope="package")
def browser() -> Iterator[object]:
    """Of the package, not of the session: its event loop must not be there when asynchronous tests run."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def archives(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of archives that the original libraries wrote, and one that is broken."""
    store = tmp_path_factory.mktemp("archives")
    for name, archive in MODELS.items():
        shutil.copy(CARRIED / f"{archive}.tar.gz", store / f"{name}.tar.gz")
    shutil.copytree(CHECKPOINTS / "bert_pair", store / "checkpoint")
    (store / "broken.tar.gz").write_bytes(b"no archive")
    return store


@pytest.fixture(scope="package")
def server(archives: Path) -> Iterator[ServerProcess]:
    with running(archives, command=VITRINE, allow_unauthenticated_admin=True) as process:
        yield process


@pytest.fixture
def tiny_store(browser: object, tmp_path: Path) -> Path:
    """For servers with settings of their own: it starts fast."""
    write_tiny(tmp_path, "mood", labels=["good", "bad", "so-so"])
    return tmp_path


Open = Callable[..., Watched]


@pytest.fixture(scope="package")
def tiny(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of tiny classifiers that nobody may change; one is broken."""
    store = tmp_path_factory.mktemp("tiny")
    write_tiny(store, "mood", labels=["good", "bad", "so-so"])
    write_tiny(store, "hostile", labels=HOSTILE_LABELS)
    write_tiny(store, "broken", nothing=True)
    with running(store) as process:
        yield process.url


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """`serve(store, **settings)`: the URL of a server of tiny classifiers, which ends after the pages."""
    with ExitStack() as stack:
        yield lambda store, **settings: stack.enter_context(running(store, **settings)).url


@pytest.fixture
def open_page(browser, server: ServerProcess, serve) -> Iterator[Open]:
    """`open_page(address, url=..., **options of the context)`: a page of its own, watched to the end of the test."""
    pages: list[Watched] = []

    def opened(address: str = "", url: str = server.url, **options: object) -> Watched:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        context.set_default_timeout(10_000)
        watched = Watched(context.new_page(), url)
        pages.append(watched)
        watched.go(address)
        return watched

    yield opened
    for watched in pages:
        watched.page.context.close()
    for watched in pages:
        assert watched.trouble == []
