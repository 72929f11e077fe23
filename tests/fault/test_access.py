"""Keys: who may do what, on which models, from a file that changes while the server runs."""

from __future__ import annotations

import json
import os
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.access import Access
from app.keys import KeyFile, KeyFileError, new_key, read_keys, write_keys
from app.settings import Settings
from tests.service.process import ROOT, ServerProcess, running
from tests.service.tiny import write_tiny
from tests.service.tls import self_signed

LABELS = {"labels": ["new"]}
MODELS = ("mood", "topics")


def vitrine(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def make_keys(path: Path) -> dict[str, str]:
    """One of each kind, by name."""
    kinds = {
        "asker": (["predict"], ["*"]),
        "moody": (["predict"], ["mood"]),
        "editor": (["admin"], ["mo*"]),
        "root": (["admin"], ["*"]),
    }
    made = {name: new_key(name, scopes, models) for name, (scopes, models) in kinds.items()}
    write_keys(path, [key for _, key in made.values()])
    return {name: secret for name, (secret, _) in made.items()}


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.json"


@pytest.fixture(scope="module")
def secrets(key_file: Path) -> dict[str, str]:
    return make_keys(key_file)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, key_file: Path, secrets: dict[str, str]
) -> Iterator[ServerProcess]:
    store = tmp_path_factory.mktemp("store")
    for name in MODELS:
        write_tiny(store, name, labels=["good", "bad"])
    assert secrets
    with running(store, key_file=key_file, require_key=True) as process:
        yield process


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


ALLOWED = {
    ("asker", "predict", "mood"): 200, ("asker", "predict", "topics"): 200, ("asker", "labels", "mood"): 403,
    ("moody", "predict", "mood"): 200, ("moody", "predict", "topics"): 403, ("moody", "explain", "topics"): 403,
    ("editor", "predict", "mood"): 200, ("editor", "labels", "mood"): 200, ("editor", "labels", "topics"): 403,
    ("root", "labels", "topics"): 200, ("root", "explain", "mood"): 200,
}  # fmt: skip


@pytest.mark.parametrize(("who", "what", "model"), ALLOWED)
def test_a_key_does_what_it_is_for(
    server: ServerProcess, secrets: dict[str, str], who: str, what: str, model: str
) -> None:
    with server.client(headers=bearer(secrets[who])) as client:
        if what == "labels":
            answer = client.post(f"/v1/models/{model}/labels", json={**LABELS, "dry_run": True})
        else:
            answer = client.post(f"/v1/models/{model}:{what}", json={"instances": ["a"]})
    assert answer.status_code == ALLOWED[who, what, model], answer.text


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/models/mood", "/v1/models/mood/labels", "/v1/models/mood/versions"]
)
@pytest.mark.parametrize("sent", [{}, bearer("wrong"), {"authorization": "Bearer"}, {"authorization": "Basic YTpi"}])
def test_without_a_known_key_nothing_is_told(server: ServerProcess, path: str, sent: dict[str, str]) -> None:
    with server.client(headers=sent) as client:
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert client.post("/v1/models/mood:predict", json={"instances": ["a"]}).status_code == 401
        assert client.post("/v1/models/nowhere:predict", json={"instances": ["a"]}).status_code == 401
        assert client.get("/v2/health/ready").status_code == 200


def test_every_change_is_in_the_log_and_no_key_is(server: ServerProcess, secrets: dict[str, str]) -> None:
    with server.client(headers=bearer(secrets["root"])) as client:
        assert client.post("/v1/models/mood/labels", json=LABELS).status_code == 200
        assert client.post("/v1/models/mood/versions/1:activate").status_code == 200
        versions = client.get("/v1/models/mood/versions").json()["versions"]
    assert versions[-1]["author"] == "root"
    until = time.monotonic() + 5
    while sum(line["event"] == "audit" for line in server.lines) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    told = [line for line in server.lines if line["event"] == "audit"]
    seen = [(line["what"], line["who"], line["model"], line["old_version"], line["new_version"]) for line in told]
    assert seen == [("labels added", "root", "mood", 1, 2), ("version activated", "root", "mood", 2, 1)]
    assert not any(secret in json.dumps(server.lines) for secret in secrets.values())


def test_keys_come_and_go_without_a_restart(server: ServerProcess, secrets: dict[str, str], key_file: Path) -> None:
    secret, key = new_key("late", ["predict"], [])
    before = read_keys(key_file).keys
    with server.client(headers=bearer(secret)) as client, server.client(headers=bearer(secrets["asker"])) as asker:
        assert client.get("/v1/models").status_code == 401
        write_keys(key_file, [*before, key])
        assert client.get("/v1/models").status_code == 200
        write_keys(key_file, before)
        assert client.get("/v1/models").status_code == 401
        key_file.write_text("{")
        assert asker.get("/v1/models").status_code == 200, "a broken file leaves the last good keys"
        write_keys(key_file, before)
        assert asker.get("/v1/models").status_code == 200


def test_the_command_makes_lists_and_removes_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    made = vitrine("keys", "add", "ci", "--file", str(file), "--scope", "admin", "--model", "reviews-*")
    secret = made.stdout.strip()
    assert made.returncode == 0, made.stderr
    assert secret not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = KeyFile(file).find(secret)
    assert key
    assert key.may("admin", "reviews-en")
    assert not key.may("predict", "other")
    assert "reviews-*" in vitrine("keys", "list", "--file", str(file)).stdout
    assert vitrine("keys", "remove", "ci", "--file", str(file)).returncode == 0
    assert KeyFile(file).find(secret) is None
    for wrong in (["add", "a b"], ["add", "x", "--scope", "all"], ["remove", "nobody"]):
        refused = vitrine("keys", *wrong, "--file", str(file))
        assert refused.returncode != 0
        assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"keys": [{"name": "a", "sha256": "x"}]}', '{"keys": 1, "more": 2}']
)
def test_a_key_file_that_is_none_stops_the_start(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    with pytest.raises(KeyFileError, match="key file"):
        Access(Settings(store=tmp_path, key_file=file))
    with pytest.raises(KeyFileError, match="cannot be read"):
        Access(Settings(store=tmp_path, key_file=tmp_path / "nowhere"))


def test_nothing_shows_a_key(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    secret = make_keys(file)["root"]
    settings = Settings(store=tmp_path, key_file=file, admin_keys="very-secret")
    kept = read_keys(file).keys
    shown = (
        f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()} {kept!r} {Access(settings)!r}"
    )
    assert "very-secret" not in shown
    assert secret not in shown
    assert not any(key.sha256 in f"{kept!r}" for key in kept)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_probes_have_a_port_of_their_own_where_one_is_set(tmp_path: Path) -> None:
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    port = free_port()
    with running(tmp_path, probe_port=port) as server:
        with server.client() as client, httpx.Client(base_url=f"http://127.0.0.1:{port}") as probes:
            for path in ("/v2/health/live", "/v2/health/ready", "/health/startup", "/metrics"):
                assert probes.get(path).status_code == 200
                assert client.get(path).status_code == 404
            assert probes.post("/v1/models/mood:predict", json={"instances": ["a"]}).status_code == 404
            assert client.post("/v1/models/mood:predict", json={"instances": ["a"]}).status_code == 200
        server.terminate()
        assert server.exit_status() == 0


def test_https(tmp_path: Path) -> None:
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    certificate, key = self_signed(tmp_path)
    with running(tmp_path, tls_certificate=certificate, tls_key=key) as server:
        assert server.url.startswith("https://")
        trusted = ssl.create_default_context(cafile=os.fspath(certificate))
        with server.client(verify=trusted) as client:
            assert client.post("/v1/models/mood:predict", json={"instances": ["a"]}).status_code == 200
