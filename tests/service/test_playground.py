"""The playground's files, and how they are sent. No browser needed."""

import asyncio
import re
import shutil
import subprocess

import httpx
import pytest

from app.main import create_app
from app.playground_files import FOLDER, read_files
from app.settings import Settings

HTML = {"accept": "text/html,application/xhtml+xml"}
MODULES = sorted(FOLDER.glob("*.js"))
IMPORT = re.compile(r'(?:from|import|import\() ?"([^"]+)"')


class Client:
    """Asks an application without a server."""

    def __init__(self, settings: Settings) -> None:
        self._transport = httpx.ASGITransport(create_app(settings))

    def get(self, path: str, method: str = "GET", **options: object) -> httpx.Response:
        async def answer() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://here") as client:
                return await client.request(method, path, **options)

        return asyncio.run(answer())


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    return Client(Settings(store=tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="module")
def page(client):
    return client.get("/", headers=HTML)


def test_a_browser_gets_the_page_and_a_machine_its_pulse(client, page):
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Vitrine</title>" in page.text
    assert client.get("/").json() == {"status": "alive"}
    assert client.get("/", method="HEAD", headers=HTML).headers["etag"] == page.headers["etag"]


def test_every_file_of_the_page_is_there_compressed_and_kept(client, page):
    names = re.findall(r'(?:href|src)="(playground/[^"]+)"', page.text)
    assert len(names) > 5
    for name in [*names, *(f"{names[0].rpartition('/')[0]}/{module.name}" for module in MODULES)]:
        answer = client.get(f"/{name}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers.get("content-encoding") == "gzip" or len(answer.content) < 500
        again = client.get(f"/{name}", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    plain = client.get(f"/{names[-1]}", headers={"accept-encoding": "identity"})
    assert plain.content == (FOLDER / "main.js").read_bytes()


def test_files_of_another_release_are_asked_for_again(client):
    assert client.get("/playground/older/main.js").headers["cache-control"] == "no-cache"
    assert client.get("/playground/older/nothing.js").status_code == 404
    assert client.get("/playground/older/..%2f__init__.py").status_code == 404


def test_the_policy_allows_nothing_but_the_page_itself(client, page):
    for answer in (page, client.get("/playground/x/main.js")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_it_can_be_switched_off(tmp_path):
    client = Client(Settings(store=tmp_path, playground=False))
    assert client.get("/", headers=HTML).json() == {"status": "alive"}
    assert client.get("/playground/x/main.js").status_code == 404


def test_the_release_changes_with_any_file(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "copy")
    assert read_files(tmp_path / "copy").release == read_files().release
    (tmp_path / "copy" / "dom.js").write_text("// other")
    assert read_files(tmp_path / "copy").release != read_files().release


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_is_small_plain_and_imports_what_is_there(module):
    text = module.read_text()
    assert len(text.splitlines()) <= 300
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|https?://(?!www\.w3\.org)", text
    )
    for name in IMPORT.findall(text):
        assert (FOLDER / name).is_file(), name


def test_the_modules_have_no_syntax_errors():
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    compile_all = """
        const {readFileSync} = require("fs"), {SourceTextModule} = require("vm");
        for (const path of process.argv.slice(1)) new SourceTextModule(readFileSync(path, "utf8"), {identifier: path});
    """
    command = ["node", "--no-warnings", "--experimental-vm-modules", "-e", compile_all]
    subprocess.run([*command, *map(str, MODULES)], check=True)
