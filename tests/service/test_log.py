"""The log of a whole run: every request with its model, outcome and durations, and not a word of what was sent."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.service.process import ServerProcess, running
from tests.service.tiny import write_tiny

PREDICT = "/v1/models/mood:predict"
SECRETS = ("xyzzyplugh", "秘密のテキスト")
KEY = "a-key-that-nobody-may-read"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Logs all that there is to log."""
    store = tmp_path_factory.mktemp("store")
    write_tiny(store, "mood", labels=["good", "bad"])
    with running(store, log_level="debug", admin_keys=KEY, max_request_bytes=50_000) as process:
        yield process


def bodies() -> Iterator[Any]:
    """Everything that can be said of a request, each with a secret in it."""
    yield {"instances": [f"{SECRETS[0]} SLOW"], "parameters": {"deadline_ms": 50}}
    for secret in SECRETS:
        for order in ("", "NO_ANSWER", "BREAK_FEATURIZE", "BREAK_ENCODE", "BREAK_COLLATE", "OUT_OF_MEMORY", "w " * 300):
            yield {"instances": [f"{secret} {order}", "b"]}
        yield {"instances": [{secret: secret}, {"text": [secret]}, {"text": secret, "more": secret}, [secret], 7]}
        yield {"instances": [secret], "parameters": {secret: secret}}
        yield {"instances": [secret], "parameters": {"top_k": secret, "target": secret, "method": secret}}
        yield {"instances": [secret * 10_000]}
        yield {secret: secret}
        yield [secret]


def traffic(server: ServerProcess) -> None:
    with server.client() as client:
        for body in bodies():
            client.post(PREDICT, json=body)
        for body in islice(bodies(), 8):
            client.post("/v1/models/mood:explain", json=body)
        for secret in SECRETS:
            client.post(PREDICT, content=f'{{"instances": ["{secret}"'.encode())
            client.post(PREDICT, content=f'{{"instances": ["{secret}"]}}'.encode("utf-16"))
            client.post(PREDICT, content=secret.encode(), headers={"content-type": "text/plain"})
            teach(client, secret)
    leave(server, SECRETS[0])


def teach(client: httpx.Client, secret: str) -> None:
    examples = [{"instance": f"{secret} {number}", "label": "new"} for number in range(4)]
    for body in (
        {"labels": ["new"], "examples": examples, "dry_run": True},
        {"labels": ["new"], "examples": [{"instance": secret, "label": secret}]},
        {"labels": ["new"], "examples": [{"instance": f"{secret} BREAK_ENCODE", "label": "new"}]},
        {"labels": ["new"], "examples": secret},
    ):
        client.post("/v1/models/mood/labels", json=body, headers={"authorization": f"Bearer {KEY}"})


def leave(server: ServerProcess, secret: str) -> None:
    """Half a request, and a whole one whose answer nobody waits for."""
    url = urlsplit(server.url)
    body = json.dumps({"instances": [f"{secret} SLOW"]})
    request = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    for sent in (request[:-5], request, secret.encode() + b"\r\n\r\n"):
        with socket.create_connection((url.hostname, url.port)) as connection:
            connection.sendall(sent)


def test_no_word_of_what_was_sent_is_in_the_log(server: ServerProcess) -> None:
    traffic(server)
    with server.client() as client:
        client.get("/", headers={"x-request-id": "the-last"})
    assert server.has_logged(lambda line: line.get("request_id") == "the-last")
    log = json.dumps(server.lines, ensure_ascii=False)
    statuses = {line["status"] for line in server.lines if line["event"] == "request"}
    assert statuses >= {200, 400, 413, 415, 422, 500, 504}
    assert [secret for secret in (*SECRETS, KEY) if secret in log] == []
    assert [line for line in server.lines if line["event"] == "not JSON"] == []


@pytest.mark.parametrize(
    ("instances", "outcome", "level"),
    [(["fine", "b"], "ok", "info"), ([""], "invalid", "info"), (["BREAK_ENCODE"], "failed", "warning")],
)
def test_a_line_says_what_came_of_a_request_and_how_long_it_took(
    server: ServerProcess, instances: list[str], outcome: str, level: str
) -> None:
    request_id = f"line-{outcome}"
    with server.client() as client:
        answer = client.post(PREDICT, json={"instances": instances}, headers={"x-request-id": request_id})
    assert server.has_logged(lambda line: line.get("request_id") == request_id and line["event"] == "request")
    (line,) = (x for x in server.lines if x.get("request_id") == request_id and x["event"] == "request")
    assert (line["model"], line["outcome"], line["level"]) == ("mood", outcome, level)
    assert (line["method"], line["path"], line["status"]) == ("POST", PREDICT, answer.status_code)
    assert line["ms"] > 0
    if outcome == "ok":
        assert line["instances"] == 2
        assert 0 < line["predict_ms"] <= line["ms"]


def test_a_failure_is_logged_with_its_place(server: ServerProcess) -> None:
    with server.client() as client:
        client.post(PREDICT, json={"instances": ["BREAK_ENCODE"]}, headers={"x-request-id": "its-place"})
    assert server.has_logged(lambda line: line.get("request_id") == "its-place" and line["event"] == "request failed")
    (line,) = (x for x in server.lines if x.get("request_id") == "its-place" and x["event"] == "request failed")
    assert line["error"] == "IndexError"
    assert any(frame.endswith(" encode_embedded") for frame in line["trace"])
