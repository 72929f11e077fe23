"""Bodies, headers and errors, down to the socket."""

import json
import socket
from urllib.parse import urlsplit

import pytest

PREDICT = "/v1/models/mood:predict"
PROBLEM = {"type", "title", "status", "detail", "code", "error"}


def is_problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) >= PROBLEM
    assert body["status"] == status
    assert body["detail"]
    return body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"instances": ["\xff\xfe"]}',
        b'{"instances": ["\\ud800"]}',
        b'{"instances": ["\\udfff lone"]}',
        b'{"instances": [NaN]}',
        b'{"instances": [Infinity]}',
        b'{"instances": ["a\x00b"]}',
        b'{"instances": ["fine"]} trailing',
        b'\xef\xbb\xbf{"instances": ["fine"]}',
        b'{"instances": ' + b"[" * 40_000 + b"]" * 40_000 + b"}",
        b'{"instances":' * 5_000,
    ],
)
def test_what_is_not_json_is_400(client, body):
    problem = is_problem(client.post(PREDICT, content=body, headers={"content-type": "application/json"}), 400)
    assert problem["code"] == "malformed_body"


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [1e999999]}',
        b'{"instances": [' + b"9" * 5_000 + b"]}",
        b'{"instances": [{"text": {"a": {"b": []}}}]}',
        b'{"instances": [{"text": "x", "\\u0000": 1}]}',
    ],
)
def test_what_is_json_but_no_instance_is_4xx(client, body):
    answer = client.post(PREDICT, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}, answer.text


def test_an_escaped_nul_and_a_surrogate_pair_are_text(client):
    body = b'{"instances": ["a\\u0000b", "\\ud83d\\ude00"]}'
    assert client.post(PREDICT, content=body).status_code == 200


@pytest.mark.parametrize(
    "content_type", [None, "application/json", "application/json; charset=utf-8", "application/problem+json"]
)
def test_content_types_that_are_json(client, content_type):
    headers = {"content-type": content_type} if content_type else {}
    assert client.post(PREDICT, content=b'{"instances": ["fine"]}', headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/jsonp"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_other_content_types_are_415(client, headers):
    is_problem(client.post(PREDICT, content=b'{"instances": ["fine"]}', headers=headers), 415)


def raw(server, *chunks, close_after=None):
    """Send bytes as they are; everything that comes back until the server closes or is silent."""
    url = urlsplit(server.url)
    with socket.create_connection((url.hostname, url.port), timeout=5) as connection:
        for chunk in chunks:
            try:
                connection.sendall(chunk)
            except (BrokenPipeError, ConnectionResetError):
                break
        answer = b""
        try:
            while part := connection.recv(65_536):
                answer += part
                if b"\r\n\r\n" in answer and b'"error"' in answer:
                    break
        except (TimeoutError, ConnectionResetError):
            pass
    return answer


HEAD = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()


def test_a_declared_length_over_the_limit_is_413_before_the_body_is_read(server):
    answer = raw(server, HEAD + b"Content-Length: 100001\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"100000 bytes" in answer
    assert b"connection: close" in answer.lower()


def test_a_chunked_body_over_the_limit_is_413(server):
    chunk = b"2710\r\n" + b" " * 10_000 + b"\r\n"
    answer = raw(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 20)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_as_long_as_the_limit_is_read(client):
    body = json.dumps({"instances": ["fine"]}).encode()
    padded = body + b" " * (100_000 - len(body))
    assert client.post(PREDICT, content=padded).status_code == 200
    is_problem(client.post(PREDICT, content=padded + b" "), 413)


def test_a_body_shorter_than_declared_leaves_the_server_well(server, client):
    raw_answer = raw(server, HEAD + b"Content-Length: 500\r\n\r\n{")
    assert not raw_answer.startswith(b"HTTP/1.1 5")
    assert client.post(PREDICT, json={"instances": ["fine"]}).status_code == 200


@pytest.mark.parametrize("garbage", [b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST" * 1000])
def test_what_is_not_http_leaves_the_server_well(server, client, garbage):
    assert not raw(server, garbage).startswith(b"HTTP/1.1 5")
    assert client.get("/").json() == {"status": "alive"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", PREDICT, 404),
        ("PUT", PREDICT, 405),
        ("DELETE", "/v1/models", 405),
        ("GET", "/v1/models/%00", 404),
        ("GET", "/v1/models/%ff%fe", 404),
        ("GET", "/v1/models/..%2f..%2fetc%2fpasswd", 404),
        ("POST", "/v1/models/mood:explode", 405),
    ],
)
def test_every_error_has_the_one_body(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code in {status, 405}
    is_problem(answer, answer.status_code)


def test_request_ids_come_back_when_they_are_sane(client):
    assert client.get("/", headers={"x-request-id": "abc-123"}).headers["x-request-id"] == "abc-123"
    for odd in ("a b", "x" * 200, 'a"b', "a\tb"):
        answered = client.get("/", headers={"x-request-id": odd}).headers["x-request-id"]
        assert answered != odd
        assert answered.isalnum()
    assert client.get("/").headers["x-request-id"] != client.get("/").headers["x-request-id"]


def test_the_log_has_every_request_and_no_text_of_an_instance(client, server):
    secret = "xyzzyplugh"
    for instances in ([secret], [{secret: secret}], [secret + " BREAK_ENCODE"], [{"text": [secret]}]):
        answer = client.post(PREDICT, json={"instances": instances}, headers={"x-request-id": "log-test"})
    last = client.get("/").headers["x-request-id"]
    assert server.has_logged(lambda line: line.get("request_id") == last)
    lines = [line for line in server.lines if line.get("request_id") == "log-test" and line["event"] == "request"]
    assert [line["outcome"] for line in lines] == ["ok", "invalid", "failed", "invalid"]
    assert answer.status_code == 422
    assert secret not in json.dumps(server.lines)


def test_metrics_count_outcomes_and_a_scanner_makes_no_series(client):
    client.post(PREDICT, json={"instances": ["fine"]})
    before = client.get("/metrics").text
    for number in range(20):
        client.get(f"/wp-admin/{number}.php")
        client.post(f"/v1/models/scan{number}:predict", json={"instances": ["fine"]})
        client.request(f"SCAN{number}", "/")
    after = client.get("/metrics").text
    assert 'vitrine_requests_total{model="mood",outcome="ok",verb="predict"}' in after
    assert 'route="/v1/models/{name}:predict"' in after
    assert "scan1" not in after.lower()
    assert "wp-admin" not in after
    assert len(after.splitlines()) - len(before.splitlines()) < 40


def test_probes_answer_while_models_work(client):
    for path in ("/v2/health/live", "/v2/health/ready", "/health/startup"):
        assert client.get(path).status_code == 200
    assert client.get("/docs").status_code == 200
