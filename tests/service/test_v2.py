"""The Open Inference Protocol as bytes on the wire: what real clients never send, and what they rely on."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.service.offline import offline_scores

INFER = "/v2/models/mood/infer"
TEXT = "a fine day"


def tensor(*texts: str, **more: Any) -> dict[str, Any]:
    return {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)} | more


def packed(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def binary_body(behind: bytes, size: int | None = None, count: int = 1) -> tuple[bytes, dict[str, str]]:
    said = {"name": "text", "shape": [count], "datatype": "BYTES"}
    said["parameters"] = {"binary_data_size": len(behind) if size is None else size}
    head = json.dumps({"inputs": [said]}).encode()
    return head + behind, {"inference-header-content-length": str(len(head))}


def test_probabilities_are_those_of_the_classifier_in_the_order_of_its_labels(client, mood):
    answer = client.post(INFER, json={"inputs": [tensor(TEXT)]}).json()
    (probabilities,) = [one for one in answer["outputs"] if one["name"] == "probabilities"]
    scores = offline_scores(mood, TEXT)
    assert probabilities["shape"] == [1, len(scores)]
    assert probabilities["data"] == pytest.approx([scores[label] for label in mood.label_set.labels])
    assert answer["model_version"] == "1"


@pytest.mark.parametrize("data", [[TEXT, TEXT], [[TEXT], [TEXT]]])
def test_a_column_may_be_nested(client, data):
    answer = client.post(INFER, json={"inputs": [tensor(TEXT, TEXT, shape=[2, 1], data=data)]})
    assert answer.status_code == 200
    assert answer.json()["outputs"][0]["shape"] == [2]


def test_binary_in_and_out(client):
    body, headers = binary_body(packed(TEXT.encode(), "日本 語".encode()), count=2)
    plain = client.post(INFER, json={"inputs": [tensor(TEXT, "日本 語")]}).json()["outputs"]
    answer = client.post(INFER, content=body, headers=headers)
    assert [one["data"] for one in answer.json()["outputs"]] == [one["data"] for one in plain]
    asked = {"inputs": [tensor(TEXT)], "outputs": [{"name": "label", "parameters": {"binary_data": True}}]}
    answer = client.post(INFER, json=asked)
    length = int(answer.headers["inference-header-content-length"])
    assert answer.content[length:] == packed(plain[0]["data"][0].encode())
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_large_answers_are_compressed_for_who_wants_that_and_small_ones_are_not(client, encoding):
    for count, expected in ((1, None), (90, encoding)):
        asked = {"inputs": [tensor(*[TEXT] * count)]}
        answer = client.post(INFER, json=asked, headers={"accept-encoding": encoding})
        assert answer.headers.get("content-encoding") == expected
        assert answer.json()["outputs"][0]["shape"] == [count]
    none = client.post(INFER, json=asked, headers={"accept-encoding": f"{encoding};q=0, br"})
    assert "content-encoding" not in none.headers


def compressed(encoding: str, body: bytes) -> bytes:
    return gzip.compress(body) if encoding == "gzip" else zlib.compress(body)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_the_limit_of_a_body_counts_inflated_bytes(client, encoding):
    bomb = compressed(encoding, b'{"inputs": [' + b" " * 50_000_000 + b"]}")
    assert len(bomb) < 100_000
    answer = client.post(INFER, content=bomb, headers={"content-encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


BAD_BODIES = {
    "not compressed": (b'{"inputs": []}', {"content-encoding": "gzip"}, 400, "not gzip"),
    "cut short": (gzip.compress(b'{"inputs": []}')[:-9], {"content-encoding": "gzip"}, 400, "cut short"),
    "something behind": (gzip.compress(b"{}") + b"more", {"content-encoding": "gzip"}, 400, "comes behind"),
    "other compression": (b"{}", {"content-encoding": "br"}, 415, "gzip or deflate"),
    "a form": (b"a=b", {"content-type": "application/x-www-form-urlencoded"}, 415, "application/json"),
    "not JSON": (b"{", {}, 400, "not JSON"),
    "nothing": (b"", {}, 400, "not JSON"),
    "a length beyond the body": (b"{}", {"inference-header-content-length": "3"}, 422, "at most"),
    "a length that is no number": (b"{}", {"inference-header-content-length": "-1"}, 422, "at most"),
    "more behind than said": (*binary_body(packed(b"a"), size=3), 422, "adds up to 3"),
    "less behind than said": (*binary_body(packed(b"a"), size=9), 422, "adds up to 9"),
    "an element cut short": (*binary_body(packed(b"abc")[:-1]), 422, "cut short"),
    "a length cut short": (*binary_body(b"\x01\x00"), 422, "cut short"),
    "too many elements": (*binary_body(packed(b"a", b"b")), 422, "holds 2 elements"),
    "not UTF-8": (*binary_body(packed(b"\xff")), 422, "UTF-8"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_that_cannot_be_read_is_refused_in_words(client, name):
    body, headers, status, said = BAD_BODIES[name]
    answer = client.post(INFER, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]
    assert answer.headers["content-type"] == "application/json"


BAD_REQUESTS = {
    "no inputs": ({}, "inputs is missing"),
    "an unknown member": ({"inputs": [tensor(TEXT)], "texts": []}, "Accepted: id"),
    "an unknown parameter": ({"inputs": [tensor(TEXT)], "parameters": {"sequence_id": 3}}, "Accepted: timeout"),
    "an unknown parameter of an input": (
        {"inputs": [tensor(TEXT, parameters={"shared_memory_region": "a"})]},
        "Accepted: binary_data_size, content_type",
    ),
    "another input": ({"inputs": [tensor(TEXT, name="sentence")]}, "Inputs of this model: text"),
    "twice": ({"inputs": [tensor(TEXT), tensor(TEXT)]}, "twice"),
    "numbers": ({"inputs": [tensor(TEXT, datatype="FP32", data=[1.0])]}, "BYTES"),
    "a number": ({"inputs": [tensor(TEXT, data=[1.0])]}, "string"),
    "no instance": ({"inputs": [tensor(shape=[0])]}, "at least 1"),
    "no shape": ({"inputs": [tensor(TEXT, shape=[])]}, "at least 1"),
    "a matrix": ({"inputs": [tensor(TEXT, TEXT, shape=[1, 2])]}, "[n, 1]"),
    "another count": ({"inputs": [tensor(TEXT, shape=[2])]}, "its shape 2"),
    "no data": ({"inputs": [tensor(TEXT, data=None)]}, "either data"),
    "a negative timeout": ({"inputs": [tensor(TEXT)], "parameters": {"timeout": -1}}, "timeout"),
    "an empty text": ({"inputs": [tensor(TEXT, "")]}, "instances[1]"),
    "not JSON": ({"inputs": [tensor("{", parameters={"content_type": "json"})]}, "not JSON"),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_request_that_cannot_be_answered_is_refused_in_words(client, name):
    asked, said = BAD_REQUESTS[name]
    answer = client.post(INFER, json=asked)
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["error"]


def test_too_many_instances(client):
    answer = client.post(INFER, json={"inputs": [tensor(*["a"] * 101)]})
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")


def test_json_elements_where_the_request_says_so(client):
    asked = {"inputs": [tensor(json.dumps(TEXT))], "parameters": {"content_type": "json"}}
    assert client.post(INFER, json=asked).json() == client.post(INFER, json={"inputs": [tensor(TEXT)]}).json()


def test_only_the_version_that_answers_can_be_asked(client):
    assert client.post("/v2/models/mood/versions/1/infer", json={"inputs": [tensor(TEXT)]}).status_code == 200
    answer = client.post("/v2/models/mood/versions/2/infer", json={"inputs": [tensor(TEXT)]})
    assert (answer.status_code, answer.json()["available"]) == (404, ["1"])


def test_what_the_repository_may_do_takes_a_key(client):
    for change in ("load", "unload"):
        answer = client.post(f"/v2/repository/models/mood/{change}")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert client.get("/v2/models/mood/ready").status_code == 200


def test_the_index_can_be_of_ready_models_only(client, store: Path):
    everything = client.post("/v2/repository/index").json()
    assert {one["name"] for one in everything} == {path.name.removesuffix(".tar.gz") for path in store.glob("*.gz")}
    ready = client.post("/v2/repository/index", json={"ready": True}).json()
    assert {one["state"] for one in ready} == {"READY"}
    assert client.post("/v2/repository/index", json={"redy": True}).status_code == 422
