"""Extending labels over HTTP: real server processes on a real store."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.classifier import Classifier, probabilities
from tests.service.process import ServerProcess, running
from tests.service.tiny import load_tiny, write_tiny

KEY = "correct horse battery"
ADMIN = {"Authorization": f"Bearer {KEY}"}
SETTINGS = {"admin_keys": f"another key,{KEY}", "store_poll_seconds": 0.2}
LABELS, VERSIONS, PREDICT = "/v1/models/mood/labels", "/v1/models/mood/versions", "/v1/models/mood:predict"
ANGRY = ["rage fury", "fury anger", "anger rage wrath", "wrath fury", "rage anger", "fury wrath rage"]
CALM = ["still water", "quiet lake", "lake water", "quiet still", "water quiet lake", "still lake"]
EXAMPLES = [
    *({"instance": text, "label": "angry"} for text in ANGRY),
    *({"instance": {"text": text}, "label": "calm"} for text in CALM),
]
TAUGHT = {"labels": ["angry", "calm"], "examples": EXAMPLES}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_tiny(tmp_path, "mood", labels=["good", "bad", "so-so"])
    write_tiny(tmp_path, "topics", labels=["sports", "politics", "film"], multilabel=True, seed=4)
    return tmp_path


@pytest.fixture
def server(store: Path) -> Iterator[ServerProcess]:
    with running(store, **SETTINGS) as server:
        yield server


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client(headers=ADMIN) as client:
        yield client


def scores(client: httpx.Client, text: str, path: str = PREDICT) -> dict[str, float]:
    answer = client.post(path, json={"instances": [text]}).raise_for_status().json()
    return {one["label"]: one["score"] for one in answer["predictions"][0]["scores"]}


def test_labels_are_read_with_their_version(client: httpx.Client) -> None:
    answer = client.get(LABELS)
    assert answer.json() == {
        "model": "mood",
        "version": "1",
        "labels_version": 1,
        "labels": ["good", "bad", "so-so"],
    }
    assert answer.headers["etag"].startswith('"1-')


def test_taught_labels_answer_at_once_and_the_odds_of_the_old_stay(client: httpx.Client) -> None:
    texts = ["a fine day", "rage", "quiet lake water", "nothing much"]
    before = [scores(client, text) for text in texts]
    answer = client.post(LABELS, json=TAUGHT).raise_for_status().json()
    assert answer["labels"] == ["good", "bad", "so-so", "angry", "calm"]
    assert (answer["version"], answer["labels_version"], answer["added"]) == ("2", 2, ["angry", "calm"])
    assert answer["report"]["examples"] == len(EXAMPLES)
    assert [one["label"] for one in answer["report"]["labels"]] == ["angry", "calm"]
    assert any("examples of them" in warning for warning in answer["report"]["warnings"])
    after = [scores(client, text) for text in texts]
    for was, now in zip(before, after, strict=True):
        old = sum(now[label] for label in was)
        for label, score in was.items():
            assert now[label] / old == pytest.approx(score, abs=1e-6)
    best = [max(one, key=one.__getitem__) for one in after]
    assert best[1:3] == ["angry", "calm"]
    predicted = client.post(PREDICT, json={"instances": ["rage"]}).json()
    assert (predicted["version"], predicted["labels_version"]) == ("2", 2)
    assert client.get("/v1/models/mood").json()["labels"] == answer["labels"]


def test_a_dry_run_reports_and_publishes_nothing(client: httpx.Client) -> None:
    answer = client.post(LABELS, json={**TAUGHT, "dry_run": True}).raise_for_status().json()
    assert answer["dry_run"] is True
    assert answer["labels"] == ["good", "bad", "so-so"]
    assert answer["report"]["confusion"]["labels"]
    assert client.get(LABELS).json()["labels_version"] == 1
    assert len(client.get(VERSIONS).json()["versions"]) == 1


def test_a_label_without_examples_is_inert(client: httpx.Client) -> None:
    before = scores(client, "a fine day")
    answer = client.post(LABELS, json={"labels": ["later"], "prior": 0.01}).raise_for_status().json()
    assert "inert" in answer["report"]["warnings"][0]
    after = scores(client, "a fine day")
    assert 0 < after["later"] <= 0.01
    assert max(after, key=after.__getitem__) == max(before, key=before.__getitem__)


def test_of_a_multi_label_model_the_old_probabilities_stay(client: httpx.Client) -> None:
    path = "/v1/models/topics"
    before = scores(client, "rage in the quiet lake", f"{path}:predict")
    examples = [{"instance": text, "label": ["angry"]} for text in ANGRY]
    examples += [{"instance": text, "label": []} for text in CALM]
    client.post(f"{path}/labels", json={"labels": ["angry"], "examples": examples}).raise_for_status()
    after = scores(client, "rage in the quiet lake", f"{path}:predict")
    assert {label: after[label] for label in before} == pytest.approx(before, abs=1e-6)
    assert scores(client, "rage fury", f"{path}:predict")["angry"] > 0.5


def test_back_and_forward_again(client: httpx.Client) -> None:
    client.post(LABELS, json={**TAUGHT, "reason": "moods"}).raise_for_status()
    taught = scores(client, "rage")
    back = client.post(f"{VERSIONS}/1:activate").raise_for_status()
    assert back.json()["labels"] == ["good", "bad", "so-so"]
    assert set(scores(client, "rage")) == {"good", "bad", "so-so"}
    client.post(f"{VERSIONS}/2:activate", headers={"If-Match": back.headers["etag"]}).raise_for_status()
    assert scores(client, "rage") == taught
    first, second = client.get(VERSIONS).json()["versions"]
    assert (first["version"], first["active"], first["labels"]) == (1, False, ["good", "bad", "so-so"])
    assert (second["version"], second["active"], second["parent"], second["reason"]) == (2, True, 1, "moods")
    assert second["author"].startswith("key ")
    assert KEY not in str(second)


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ({"labels": ["good"]}, 409, "label_exists", "good"),
        ({"labels": ["new", "new"]}, 422, "invalid_extension", "twice"),
        ({"labels": [" "]}, 422, "invalid_extension", "empty"),
        ({"labels": []}, 422, "invalid_parameters", "labels"),
        ({"labels": ["new"], "prior": 0.9}, 422, "invalid_parameters", "prior"),
        ({"labels": ["new"], "colour": "red"}, 422, "invalid_parameters", "Accepted: labels"),
        ({"labels": ["new"], "examples": [{"text": "a"}]}, 422, "invalid_parameters", "instance"),
        ({"labels": ["new"], "examples": [{"instance": "a", "label": "odd"}]}, 422, "invalid_extension", "so-so, new"),
        ({"labels": ["new"], "examples": [{"instance": "a", "label": ["new"]}]}, 422, "invalid_extension", "one label"),
        (
            {"labels": ["new"], "examples": [{"instance": "a", "label": "new"}, {"instance": "", "label": "new"}]},
            422,
            "invalid_instances",
            "examples[1]",
        ),
        ({"labels": ["new"], "examples": [{"instance": 7, "label": "new"}]}, 422, "invalid_instances", "examples[0]"),
        (
            {"labels": ["new"], "examples": [{"instance": "NO_ANSWER", "label": "new"}]},
            422,
            "invalid_extension",
            "examples[0]",
        ),
        ({"labels": [f"label {number}" for number in range(65)]}, 413, "too_many_labels", "64"),
    ],
)
def test_what_cannot_be_added_is_refused_with_a_reason(
    client: httpx.Client, body: dict[str, Any], status: int, code: str, says: str
) -> None:
    answer = client.post(LABELS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert says in answer.json()["detail"]
    assert client.get(LABELS).json()["labels_version"] == 1


def test_a_stale_match_is_refused(client: httpx.Client) -> None:
    etag = client.get(LABELS).headers["etag"]
    first = client.post(LABELS, json={"labels": ["one"]}, headers={"If-Match": etag})
    assert first.status_code == 200
    second = client.post(LABELS, json={"labels": ["two"]}, headers={"If-Match": etag})
    assert (second.status_code, second.json()["code"], second.json()["active"]) == (412, "stale_version", 2)
    retried = client.post(LABELS, json={"labels": ["two"]}, headers={"If-Match": first.headers["etag"]})
    assert retried.json()["labels"][-2:] == ["one", "two"]
    assert client.post(f"{VERSIONS}/1:activate", headers={"If-Match": etag}).status_code == 412


def test_a_request_sent_again_is_done_once(client: httpx.Client, store: Path) -> None:
    headers = {"Idempotency-Key": "7f3a"}
    first = client.post(LABELS, json=TAUGHT, headers=headers).raise_for_status()
    again = client.post(LABELS, json=TAUGHT, headers=headers).raise_for_status()
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["idempotent-replayed"] == "true"
    other = client.post(LABELS, json={"labels": ["else"]}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(client.get(VERSIONS).json()["versions"]) == 2
    with running(store, **SETTINGS) as restarted, restarted.client(headers=ADMIN) as other_client:
        answer = other_client.post(LABELS, json=TAUGHT, headers=headers).raise_for_status()
        assert answer.json() == first.json()


def test_an_unknown_version_is_not_found(client: httpx.Client) -> None:
    answer = client.post(f"{VERSIONS}/9:activate")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_version")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}])
def test_without_a_key_nothing_is_changed(server: ServerProcess, headers: dict[str, str]) -> None:
    with server.client(headers=headers) as client:
        for path, body in ((LABELS, {"labels": ["new"]}), (f"{VERSIONS}/1:activate", {})):
            answer = client.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get(LABELS).json()["labels_version"] == 1
    assert KEY not in str(server.lines)


def test_where_no_key_is_set_nobody_changes_anything(store: Path) -> None:
    with running(store) as server, server.client(headers=ADMIN) as client:
        answer = client.post(LABELS, json={"labels": ["new"]})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert "VITRINE_ADMIN_KEYS" in answer.json()["detail"]


def test_everyone_may_where_that_was_asked_for_but_not_the_pages_of_others(store: Path) -> None:
    with running(store, allow_unauthenticated_admin=True) as server, server.client() as client:
        other_site = client.post(LABELS, json={"labels": ["new"]}, headers={"Origin": "https://elsewhere.example"})
        assert other_site.status_code == 403
        assert client.post(LABELS, json={"labels": ["new"]}, headers={"Origin": server.url}).status_code == 200


def test_a_restart_comes_back_with_what_answered(store: Path) -> None:
    with running(store, **SETTINGS) as server, server.client(headers=ADMIN) as client:
        client.post(LABELS, json=TAUGHT).raise_for_status()
        before = scores(client, "rage")
        server.process.kill()
    with running(store, **SETTINGS) as server, server.client() as client:
        assert scores(client, "rage") == before
        assert client.get(LABELS).json()["labels_version"] == 2


def test_a_retrained_archive_answers_with_its_own_labels(store: Path) -> None:
    with running(store, **SETTINGS) as server, server.client(headers=ADMIN) as client:
        client.post(LABELS, json=TAUGHT).raise_for_status()
    write_tiny(store, "mood", labels=["good", "bad"], seed=9)
    with running(store, **SETTINGS) as server, server.client(headers=ADMIN) as client:
        assert client.get(LABELS).json()["labels"] == ["good", "bad"]
        versions = client.get(VERSIONS).json()["versions"]
        assert [(one["state"], one["active"]) for one in versions] == [("ok", True), ("foreign", False)]
        refused = client.post(f"{VERSIONS}/2:activate")
        assert (refused.status_code, refused.json()["code"]) == (409, "version_unusable")
        added = client.post(LABELS, json={"labels": ["new"]}).raise_for_status().json()
        assert added["labels"] == ["good", "bad", "new"]


def test_replicas_follow_without_a_restart(store: Path) -> None:
    with (
        running(store, **SETTINGS) as first,
        running(store, **SETTINGS) as second,
        first.client(headers=ADMIN) as here,
        second.client(headers=ADMIN) as there,
    ):
        here.post(LABELS, json=TAUGHT).raise_for_status()
        until = time.monotonic() + 20
        while there.get(LABELS).json()["labels_version"] != 2 and time.monotonic() < until:
            time.sleep(0.05)
        assert scores(there, "rage") == scores(here, "rage")
        there.post(f"{VERSIONS}/1:activate").raise_for_status()
        until = time.monotonic() + 20
        while here.get(LABELS).json()["labels_version"] != 1 and time.monotonic() < until:
            time.sleep(0.05)
        assert set(scores(here, "rage")) == {"good", "bad", "so-so"}


def test_of_two_that_extend_at_once_one_wins_and_the_other_can_retry(store: Path) -> None:
    with running(store, **SETTINGS) as first, running(store, **SETTINGS) as second:
        answers: list[tuple[str, httpx.Response]] = []

        def extend(server: ServerProcess, label: str) -> None:
            with server.client(headers=ADMIN) as client:
                while True:
                    etag = client.get(LABELS).headers["etag"]
                    answer = client.post(LABELS, json={"labels": [label]}, headers={"If-Match": etag})
                    answers.append((label, answer))
                    if answer.status_code != 412:
                        return
                    time.sleep(0.05)

        names = [f"label {number}" for number in range(6)]
        threads = [
            threading.Thread(target=extend, args=(server, name))
            for name, server in zip(names, [first, second] * 3, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {answer.status_code for _, answer in answers} <= {200, 412}
        assert sorted(label for label, answer in answers if answer.status_code == 200) == names
        with first.client() as client:
            until = time.monotonic() + 20
            while client.get(LABELS).json()["labels_version"] != 7 and time.monotonic() < until:
                time.sleep(0.05)
            assert sorted(client.get(LABELS).json()["labels"]) == sorted(["good", "bad", "so-so", *names])


def test_under_load_every_answer_is_of_one_version(client: httpx.Client, server: ServerProcess, store: Path) -> None:
    """Clients predict while labels come and go: no error, and labels, scores and version always belong together."""
    own = load_tiny(store / "mood.tar.gz")
    stop = threading.Event()
    wrong: list[Any] = []
    counted = [0] * 64

    def predict(number: int) -> None:
        text = f"text number {number}"
        old = dict(zip(own.label_set.labels, offline(own, text), strict=True))
        with server.client() as mine:
            while not stop.is_set():
                answer = mine.post(PREDICT, json={"instances": [text]})
                counted[number] += 1
                if answer.status_code != 200:
                    wrong.append(answer.text)
                    continue
                body = answer.json()
                found = {one["label"]: one["score"] for one in body["predictions"][0]["scores"]}
                if len(found) != 3 + body["labels_version"] - 1:
                    wrong.append((body["labels_version"], sorted(found)))
                total = sum(found[label] for label in old)
                if any(abs(found[label] / total - score) > 1e-5 for label, score in old.items()):
                    wrong.append(found)

    threads = [threading.Thread(target=predict, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for number in range(2, 22):
        added = client.post(LABELS, json={"labels": [f"new {number}"]}).raise_for_status().json()
        assert added["labels_version"] == number
        client.post(f"{VERSIONS}/{number // 2}:activate").raise_for_status()
        client.post(f"{VERSIONS}/{number}:activate").raise_for_status()
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    assert min(counted) > 5


def offline(classifier: Classifier, text: str) -> list[float]:
    batch = classifier.collate([classifier.featurize(text)])
    return probabilities(classifier.label_set.head(classifier.encode(batch)), multilabel=False)[0].tolist()


def test_a_file_damaged_since_takes_nothing_away_until_a_restart(store: Path) -> None:
    with running(store, **SETTINGS) as server, server.client(headers=ADMIN) as client:
        client.post(LABELS, json=TAUGHT).raise_for_status()
        before = scores(client, "rage")
        (store / ".labels/mood/000002.safetensors").write_bytes(b"torn")
        (store / ".labels/mood/active.json").write_bytes(b"{")
        until = time.monotonic() + 20
        while 'vitrine_label_version_refused{model="mood"} 1.0' not in client.get("/metrics").text:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert scores(client, "rage") == before
    with running(store, **SETTINGS) as server, server.client(headers=ADMIN) as client:
        assert client.get(LABELS).json()["labels"] == ["good", "bad", "so-so"]
        versions = client.get(VERSIONS).json()["versions"]
        assert [(one["state"], one["active"]) for one in versions] == [("ok", True), ("broken", False)]
        assert "torn" in versions[1]["problem"]
        added = client.post(LABELS, json={"labels": ["new"]}).raise_for_status().json()
        assert added["labels_version"] == 3


def test_a_replica_that_was_overtaken_sees_what_overtook_it_at_once(store: Path) -> None:
    slow = SETTINGS | {"store_poll_seconds": 3600}
    with (
        running(store, **SETTINGS) as first,
        running(store, **slow) as second,
        first.client(headers=ADMIN) as here,
        second.client(headers=ADMIN) as there,
    ):
        here.post(LABELS, json={"labels": ["one"]}).raise_for_status()
        assert there.get(LABELS).json()["labels_version"] == 1
        assert there.post(LABELS, json={"labels": ["two"]}).status_code == 412
        assert there.get(LABELS).json()["labels"] == ["good", "bad", "so-so", "one"]
        assert there.post(LABELS, json={"labels": ["two"]}).status_code == 200
