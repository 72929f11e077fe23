"""Explanations over HTTP: what they add up to, what is refused, and that predictions do not notice."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.service.offline import offline_scores, wire_scores

URL = "/v1/models/mood:explain"
TEXT = "a  naïve 日本 example"


def ask(client: httpx.Client, *instances: Any, status: int = 200, model: str = "mood", **parameters: Any) -> Any:
    body = {"instances": list(instances), "parameters": parameters}
    response = client.post(f"/v1/models/{model}:explain", json=body)
    assert response.status_code == status, response.text
    return response.json()


def test_words_with_their_places_in_the_callers_text(client, mood):
    (answer,) = ask(client, TEXT)["explanations"]
    assert [TEXT[one["start"] : one["end"]] for one in answer["attributions"]] == TEXT.split()
    assert {one["field"] for one in answer["attributions"]} == {"text"}
    scores = offline_scores(mood, TEXT)
    assert answer["target"] == max(scores, key=scores.__getitem__)
    assert answer["score"] == pytest.approx(scores[answer["target"]])
    assert answer["n_steps"] == 50


def test_completeness(client, mood):
    fine, coarse = (ask(client, TEXT, n_steps=steps, baseline="zero")["explanations"][0] for steps in (100, 1))
    difference = fine["score"] - 1 / 3  # at zero all logits are equal
    for answer in (fine, coarse):
        assert sum(one["attribution"] for one in answer["attributions"]) + answer["delta"] == pytest.approx(difference)
    assert abs(fine["delta"]) < 1e-4 < abs(coarse["delta"])


def test_automatic_steps_are_enough(client):
    (answer,) = ask(client, TEXT, n_steps="auto", baseline="zero")["explanations"]
    assert abs(answer["delta"]) <= 0.05 * abs(answer["score"] - 1 / 3)


def test_every_label_and_every_instance(client, mood):
    answers = ask(client, "one two", {"text": "three"}, target="all")["explanations"]
    labels = list(mood.label_set.labels)
    assert [(one["instance"], one["target"]) for one in answers] == [(i, label) for i in (0, 1) for label in labels]
    assert sum(one["score"] for one in answers[:3]) == pytest.approx(1)


def test_levels_and_norms(client):
    (words,) = ask(client, TEXT, normalize="l1")["explanations"]
    assert sum(abs(one["attribution"]) for one in words["attributions"]) == pytest.approx(1)
    (field,) = ask(client, TEXT, level="field")["explanations"]
    (whole,) = field["attributions"]
    assert (whole["text"], whole["start"], whole["end"]) == (TEXT, 0, len(TEXT))
    (tokens,) = ask(client, TEXT)["explanations"]
    assert whole["attribution"] == pytest.approx(sum(one["attribution"] for one in tokens["attributions"]))


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient", "smoothgrad", "occlusion"])
def test_other_methods_give_one_number_a_word_and_the_same_again(client, method):
    once, again = (ask(client, TEXT, method=method)["explanations"][0] for _ in range(2))
    assert len(once["attributions"]) == 4
    assert any(one["attribution"] for one in once["attributions"])
    assert once["delta"] is None
    assert [one["attribution"] for one in once["attributions"]] == pytest.approx(
        [one["attribution"] for one in again["attributions"]]
    )


def test_occlusion_is_the_score_that_a_word_is_worth(client, mood):
    (answer,) = ask(client, "good bad", method="occlusion", baseline="zero", target="good")["explanations"]
    assert answer["score"] == pytest.approx(offline_scores(mood, "good bad")["good"])
    assert all(abs(one["attribution"]) <= 1 for one in answer["attributions"])


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"target": "nobody"}, "good, bad, so-so"),
        ({"n_steps": 0}, "from 1 to 1000"),
        ({"n_steps": 1001}, "from 1 to 1000"),
        ({"n_steps": "some"}, "auto"),
        ({"method": "guess"}, "integrated_gradients"),
        ({"method": "biome"}, "integrated_gradients"),
        ({"method": "saliency", "n_steps": 5}, "Leave it out"),
        ({"method": "smoothgrad", "n_steps": "auto"}, "integrated_gradients"),
        ({"baseline": "mask"}, "pad, zero"),
        ({"method": "saliency", "baseline": "zero"}, "takes none"),
        ({"level": "letter"}, "field"),
        ({"colour": 1}, "Accepted"),
    ],
)
def test_what_is_out_of_range_is_told_what_is_accepted(client, parameters, says):
    problem = ask(client, TEXT, status=422, **parameters)
    assert problem["code"] == "invalid_parameters"
    assert says in problem["detail"]


def test_refused_instances_are_named(client):
    problem = ask(client, "fine", "   ", {"words": 1}, status=422)
    assert [error["index"] for error in problem["errors"]] == [1, 2]
    assert ask(client, "NO_ANSWER at all", status=422)["code"] == "invalid_instances"
    assert ask(client, *["x"] * 65, status=413)["code"] == "request_too_large"


def test_failures_deadlines_and_metrics(client):
    assert ask(client, "BREAK_ENCODE", status=500)["code"] == "internal_error"
    assert ask(client, "SLOW", status=504, deadline_ms=100)["code"] == "deadline_exceeded"
    assert ask(client, TEXT, status=404, model="none")["code"] == "unknown_model"
    metrics = client.get("/metrics").text
    for outcome in ("ok", "expired", "failed", "invalid"):
        assert f'vitrine_requests_total{{model="mood",outcome="{outcome}",verb="explain"}}' in metrics


def test_predictions_under_explanations_are_the_same_to_the_bit(server):
    """One prediction at a time, so that its batch is the same with and without."""
    texts = [f"{TEXT} {number}" for number in range(25)]

    async def predict(http: httpx.AsyncClient) -> list[Any]:
        answers = []
        for text in texts:
            response = await http.post("/v1/models/mood:predict", json={"instances": [text]})
            answers.append(wire_scores(response.json()["predictions"][0]))
        return answers

    async def load(http: httpx.AsyncClient, done: asyncio.Event) -> int:
        count = 0
        while not done.is_set():
            response = await http.post(URL, json={"instances": texts[:4], "parameters": {"n_steps": 100}})
            assert response.status_code == 200
            count += 1
        return count

    async def both() -> tuple[list[Any], list[Any], int]:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            before, done = await predict(http), asyncio.Event()
            loads = [asyncio.create_task(load(http, done)) for _ in range(4)]
            during = await predict(http)
            done.set()
            return before, during, sum(await asyncio.gather(*loads))

    before, during, explained = asyncio.run(both())
    assert before == during
    assert explained
