"""Callers of the originals' own servers change only the host: the same requests, answers of the same keys and numbers.

The truth is what the originals answered: their predictors, and `biome serve` as it was recorded over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.allennlp_compat import Params
from models.archive import open_archive
from models.loading import load_classifier
from tests.conformance.conftest import ALLENNLP, BIOME
from tests.oracle.oracles import CARRIED, Oracle
from tests.service.process import ServerProcess, running
from tests.service.tiny import write_tiny

RECORDERS_OWN = {"logits_labels"}
OF_1_0 = {"logits", "probs", "classes"}
OF_1_0_AND_ONE_LABEL = OF_1_0 | {"max_class", "max_class_prob", "label", "prob"}
"""The records of biome.text 1.0 hold less than it said."""
RECORDED = json.loads((CARRIED / "biome_v33_pair_fwd_bwd.rest.json").read_text())


def oracle(name: str) -> Oracle:
    return Oracle(CARRIED / f"{name}.tar.gz", CARRIED / "hub")


@pytest.fixture
def allennlp(allennlp_server: ServerProcess) -> Iterator[httpx.Client]:
    with allennlp_server.client() as client:
        yield client


@pytest.fixture
def biome(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def same(got: Any, wanted: Any) -> bool:
    """The same keys in objects, the same elements in lists, numbers to 1e-4."""
    if isinstance(wanted, dict):
        return set(got) == set(wanted) and all(same(got[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return len(got) == len(wanted) and all(map(same, got, wanted))
    return got == pytest.approx(wanted, abs=1e-4)


def answered(name: str) -> list[dict[str, Any]]:
    return [case for case in oracle(name).document["cases"] if oracle(name).truth(case)][:6]


def said(case: dict[str, Any], *without: str) -> dict[str, Any]:
    return {key: value for key, value in case["output"].items() if key not in RECORDERS_OWN | set(without)}


@pytest.mark.parametrize("name", ALLENNLP[1:4])
def test_predict_as_the_predictor_of_the_original(allennlp: httpx.Client, name: str) -> None:
    for case in answered(name):
        answer = allennlp.post(f"/predict?model={name}", json=case["input"])
        assert same(answer.json(), said(case)), (case["input"], answer.text)
    batch = allennlp.post(f"/predict_batch?model={name}", json=[case["input"] for case in answered(name)])
    assert same(batch.json(), [said(case) for case in answered(name)])


@pytest.mark.parametrize(
    ("name", "keys"),
    [("biome_v10_record_wordchar", OF_1_0_AND_ONE_LABEL), ("biome_v10_text_multilabel_cnn", OF_1_0)],
)
def test_predict_as_biome_text_1_0(allennlp: httpx.Client, name: str, keys: set[str]) -> None:
    for case in answered(name):
        answer = allennlp.post(f"/predict?model={name}", json=case["input"]).json()
        wanted = said(case)
        assert set(answer) == keys
        assert same({key: answer[key] for key in wanted}, wanted)
        assert [answer["classes"][label] for label in case["output"]["logits_labels"]] == answer["probs"]


def test_predict_as_a_basic_classifier_of_today(allennlp: httpx.Client) -> None:
    """Its tokens are those that the library's own reader and model give."""
    from allennlp.data import DatasetReader  # once models.allennlp_compat has put it right

    archive = CARRIED / f"{ALLENNLP[0]}.tar.gz"
    classifier: Any = load_classifier(archive)
    reader = DatasetReader.from_params(Params(dict(open_archive(archive).config["dataset_reader"])))
    for case in answered(ALLENNLP[0]):
        instance = reader.text_to_instance(case["input"]["sentence"])
        reader.apply_token_indexers(instance)
        wanted = classifier.model.forward_on_instance(instance)
        wanted = {key: getattr(value, "tolist", lambda value=value: value)() for key, value in wanted.items()}
        assert same(allennlp.post("/predict", json=case["input"]).json(), wanted)


def test_what_the_predictor_refused_is_a_4xx(allennlp: httpx.Client) -> None:
    for body in ({}, {"sentence": 5}, [], "text", {"sentence": ""}):
        answer = allennlp.post("/predict", json=body)
        assert answer.status_code == 422
        assert answer.json()["error"]
    assert allennlp.post("/predict_batch", json=[]).status_code == 422
    assert allennlp.post("/predict?model=nobody", json={"sentence": "a"}).status_code == 404


@pytest.mark.parametrize("name", BIOME[:3])
def test_predict_as_the_pipeline(biome: httpx.Client, name: str) -> None:
    for case in answered(name):
        plain = biome.post(f"/predict?model={name}", json=case["input"]).json()
        assert same(plain, said(case, "logits", "tokens")), case["input"]
        more = biome.post(f"/predict?model={name}", json=case["input"] | {"add_tokens": True}).json()
        assert shape(more["tokens"]) == shape(case["output"]["tokens"])


def shape(node: Any) -> Any:
    """The texts of tokens, nested as they are."""
    return [shape(child) for child in node] if isinstance(node, list) else node["text"]


def test_attributions_as_the_pipeline(biome: httpx.Client) -> None:
    tried = 0
    for name in BIOME[1:3]:
        recorded = json.loads((CARRIED / f"{name}.explanations.json").read_text())
        for one in recorded[:3]:
            steps = one["parameters"]["n_steps"]
            body = one["input"] | {"add_attributions": True, "attributions_kwargs": {"n_steps": steps}}
            got = biome.post(f"/predict?model={name}", json=body).json()["attributions"]
            numbers = [part["attribution"] for part in flat(got)]
            assert numbers == pytest.approx(one["attributions"], abs=1e-4)
            tried += 1
    assert tried


def flat(node: Any) -> list[dict[str, Any]]:
    return [part for child in node for part in flat(child)] if isinstance(node, list) else [node]


@pytest.mark.parametrize("call", RECORDED, ids=lambda call: json.dumps(call["request"])[:90])
def test_the_recorded_calls(biome: httpx.Client, call: dict[str, Any]) -> None:
    """Where the original answered so do we; where it refused, or failed, or had no labels to say, it is a 4xx."""
    asked = call["request"]
    if asked["method"] == "GET":
        answer = biome.get(asked["path"])
    elif "raw_body" in asked:
        answer = biome.post(asked["path"], content=asked["raw_body"])
    else:
        answer = biome.post(asked["path"], json=asked["body"])
    if call["status"] == 200 and not empty(call["json"]):
        assert answer.status_code == 200, answer.text
        assert same(untimed(answer.json()), untimed(call["json"])), answer.text
    elif "attributions" not in json.dumps(asked):
        assert 400 <= answer.status_code < 500, answer.text


def empty(node: Any) -> bool:
    return any(map(empty, node)) if isinstance(node, list) else node == {"labels": [], "probabilities": []}


def untimed(node: Any) -> Any:
    """Without the places of tokens: the original counts from the beginning of each key and value."""
    if isinstance(node, list):
        return [untimed(child) for child in node]
    if isinstance(node, dict):
        return {key: untimed(value) for key, value in node.items() if key not in {"start", "end"}}
    return node


def test_explain_as_the_first_pipelines(biome: httpx.Client) -> None:
    name = BIOME[3]
    for one in json.loads((CARRIED / f"{name}.explain_prediction.json").read_text()):
        if one["n_steps"] < 1 or "NaN" in json.dumps(one["explain"]):
            continue
        answer = biome.post(f"/explain?model={name}", json=one["input"] | {"n_steps": one["n_steps"]}).json()
        assert set(answer) == OF_1_0_AND_ONE_LABEL | {"explain"}
        for record, wanted in one["explain"].items():
            numbers = [part["attribution"] for part in answer["explain"][record]]
            assert numbers == pytest.approx([part["attribution"] for part in wanted], abs=1e-3)


def test_which_model_has_to_be_said_where_there_are_several(tmp_path: Path) -> None:
    for name in ("mood", "topics"):
        write_tiny(tmp_path, name, labels=["good", "bad"])
    with running(tmp_path, compat="allennlp") as server, server.client() as client:
        answer = client.post("/predict", json={"text": "a"})
        assert answer.status_code == 422
        assert "?model=NAME" in answer.json()["error"]
        assert "mood" in answer.json()["error"]
        assert client.post("/predict?model=mood", json={"text": "a"}).json()["label"]
        assert client.get("/_status").status_code == 404


def test_only_pipelines_have_a_configuration(biome: httpx.Client) -> None:
    answer = biome.get("/config", params={"model": "business-names"})
    assert answer.status_code == 422
    assert "/v1/models/business-names" in answer.json()["detail"]
