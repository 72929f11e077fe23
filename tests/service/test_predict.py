"""What a caller gets for what it sends."""

import pytest

from tests.service.offline import offline_scores, wire_scores
from tests.service.tiny import MAX_WORDS, load_tiny

TEXTS = ["what a day", "the film was long and the seats were hard", "fine", "ünïcödé 漢字 \u0000 text"]


def predict(client, instances, model="mood", **parameters):
    return client.post(f"/v1/models/{model}:predict", json={"instances": instances, "parameters": parameters})


def test_predictions_are_the_classifiers_own_in_the_order_of_the_instances(client, mood):
    answer = predict(client, TEXTS)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert {key: body[key] for key in ("model", "version", "labels_version")} == {
        "model": "mood",
        "version": "1",
        "labels_version": 1,
    }
    for text, prediction in zip(TEXTS, body["predictions"], strict=True):
        assert wire_scores(prediction) == pytest.approx(offline_scores(mood, text), abs=1e-6)
        scores = [one["score"] for one in prediction["scores"]]
        assert scores == sorted(scores, reverse=True)
        assert prediction["label"] == prediction["scores"][0]["label"]
        assert prediction["score"] == prediction["scores"][0]["score"]
        assert prediction["warnings"] == []
        assert "labels" not in prediction


def test_a_string_and_its_object_get_the_same_answer(client):
    one, other = predict(client, ["what a day", {"text": "what a day"}]).json()["predictions"]
    assert one == other


def test_top_k_and_logits(client):
    (short,) = predict(client, ["what a day"], top_k=2, logits=True).json()["predictions"]
    (whole,) = predict(client, ["what a day"]).json()["predictions"]
    assert [one["label"] for one in short["scores"]] == [one["label"] for one in whole["scores"]][:2]
    assert all(set(one) == {"label", "score", "logit"} for one in short["scores"])
    assert all(set(one) == {"label", "score"} for one in whole["scores"])


def test_a_multi_label_model_says_every_label_above_one_half(client, store):
    topics = load_tiny(store / "topics.tar.gz")
    seen = set()
    for text in TEXTS:
        (prediction,) = predict(client, [text], model="topics").json()["predictions"]
        scores = offline_scores(topics, text)
        assert wire_scores(prediction) == pytest.approx(scores, abs=1e-6)
        assert set(prediction["labels"]) == {label for label, score in scores.items() if score > 0.5}
        seen.add(len(prediction["labels"]))
    assert len(seen) > 1


def test_what_is_too_long_is_cut_with_a_warning_or_refused(server, store):
    from tests.service.process import running

    long = "word " * (MAX_WORDS + 1)
    with running(store) as roomy, roomy.client() as client:
        (prediction,) = predict(client, [long]).json()["predictions"]
        assert "text" in prediction["warnings"][0]
        refused = predict(client, ["fine", long], truncate=False)
    assert refused.status_code == 422
    assert [error["index"] for error in refused.json()["errors"]] == [1]


def test_an_instance_over_the_servers_limit_is_refused_with_the_limit(client):
    refused = predict(client, ["word " * 151])
    assert refused.status_code == 422
    assert "150" in refused.json()["detail"]


def test_every_bad_instance_is_named(client):
    refused = predict(client, ["fine", "", {"texte": "x"}, 3, None, ["fine"], {"text": 3}])
    assert refused.status_code == 422
    assert [error["index"] for error in refused.json()["errors"]] == [3, 4, 5]
    refused = predict(client, ["fine", "", {"texte": "x"}, {"text": 3}])
    assert [error["index"] for error in refused.json()["errors"]] == [1, 2, 3]
    assert refused.json()["errors"][2]["field"] == "text"
    assert "Accepted: text" in refused.json()["errors"][1]["detail"]


def test_an_instance_without_an_answer_is_refused_and_its_neighbours_are_answered(client):
    refused = predict(client, ["fine", "NO_ANSWER"])
    assert refused.status_code == 422
    assert [error["index"] for error in refused.json()["errors"]] == [1]
    assert predict(client, ["fine"]).status_code == 200


@pytest.mark.parametrize("order", ["BREAK_COLLATE", "BREAK_ENCODE"])
def test_a_classifier_that_breaks_gives_500_with_the_id_to_look_for_in_the_log(client, server, order):
    failed = predict(client, ["fine", order])
    assert failed.status_code == 500
    body = failed.json()
    assert body["request_id"] == failed.headers["x-request-id"]
    assert "told to" not in failed.text
    assert server.has_logged(lambda line: line.get("request_id") == body["request_id"] and "trace" in line)


def test_out_of_memory_is_answered_by_smaller_batches(client):
    assert predict(client, ["fine", "OUT_OF_MEMORY", "what a day"]).status_code == 200


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["instances"]),
        ([], ["instances", "parameters"]),
        ({"instances": []}, ["instances"]),
        ({"instances": "fine"}, ["instances"]),
        ({"instances": ["fine"], "params": {}}, ["params", "parameters"]),
        ({"instances": ["fine"], "parameters": {"topk": 1}}, ["parameters.topk", "top_k", "deadline_ms"]),
        ({"instances": ["fine"], "parameters": {"top_k": 0}}, ["parameters.top_k"]),
        ({"instances": ["fine"], "parameters": {"top_k": True}}, ["parameters.top_k"]),
        ({"instances": ["fine"], "parameters": {"logits": "yes"}}, ["parameters.logits"]),
        ({"instances": ["fine"], "parameters": {"deadline_ms": 10**30}}, ["parameters.deadline_ms"]),
        ({"instances": ["fine"], "parameters": {"priority": "high"}}, ["interactive", "bulk"]),
        ({"instances": ["fine"], "parameters": None}, ["parameters", "top_k"]),
    ],
)
def test_a_wrong_body_is_told_what_is_accepted(client, body, named):
    refused = client.post("/v1/models/mood:predict", json=body)
    assert refused.status_code == 422
    assert refused.json()["error"] == refused.json()["detail"]
    for name in named:
        assert name in refused.json()["detail"]


def test_too_many_instances_are_refused_with_the_limit(client):
    refused = predict(client, ["fine"] * 101)
    assert refused.status_code == 413
    assert "100" in refused.json()["detail"]


def test_an_unknown_model_is_told_the_known_ones(client):
    missing = predict(client, ["fine"], model="moods")
    assert missing.status_code == 404
    assert missing.json()["available"] == ["broken", "mood", "topics"]


def test_a_failed_model_says_why_and_leaves_the_others_alone(client):
    assert predict(client, ["fine"]).status_code == 200
    failed = predict(client, ["fine"], model="broken")
    assert failed.status_code == 503
    assert "labels" in failed.json()["detail"]
    assert int(failed.headers["retry-after"]) > 0
    listed = {model["name"]: model for model in client.get("/v1/models").json()["models"]}
    assert listed["broken"]["state"] == "FAILED"
    assert listed["broken"]["ready"] is False
    assert listed["mood"] == {"name": "mood", "state": "READY", "ready": True}


def test_a_model_says_what_it_reads_and_its_example_works(client):
    about = client.get("/v1/models/mood").json()
    assert about["ready"] is True
    assert about["labels"] == ["good", "bad", "so-so"]
    assert about["inputs"] == ["text"]
    assert about["source"]["architecture"] == "TinyClassifier"
    assert predict(client, [about["example"]]).status_code == 200
    assert client.get("/v1/models/moods").status_code == 404
