"""What a user of the kserve SDK writes, as it comes from PyPI, against the server at VITRINE_URL.

Run by test_clients.py, with the Python of build/clients.
"""

import asyncio
import json
import os

import httpx
import numpy as np
import pytest
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

URL = os.environ["VITRINE_URL"]
TRUTH = json.loads(os.environ["VITRINE_TRUTH"])
TEXT = "allennlp210_cnn"
INSTANCES = [case["instance"] for case in TRUTH[TEXT]]
BEST = [max(case["probabilities"], key=case["probabilities"].get) for case in TRUTH[TEXT]]


def ask(protocol, call):
    async def run():
        async with InferenceRESTClient(RESTConfig(protocol=protocol, retries=0)) as client:
            return await call(client)

    return asyncio.run(run())


def request(*, binary, **parameters):
    texts = np.array([one["sentence"] for one in INSTANCES], dtype=np.object_)
    tensor = InferInput("sentence", [len(texts)], "BYTES")
    tensor.set_data_from_numpy(texts, binary_data=binary)
    return InferRequest(model_name=TEXT, request_id="7", infer_inputs=[tensor], **parameters)


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_live_and_model_ready(protocol):
    assert ask(protocol, lambda client: client.is_server_live(URL)) is True
    assert ask(protocol, lambda client: client.is_model_ready(URL, TEXT)) is True
    assert not ask(protocol, lambda client: client.is_model_ready(URL, "broken"))


def test_server_ready():
    assert ask("v2", lambda client: client.is_server_ready(URL)) is True


def test_v1_predict():
    answer = ask("v1", lambda client: client.infer(URL, {"instances": INSTANCES}, model_name=TEXT))
    assert [one["label"] for one in answer["predictions"]] == BEST


def test_v1_explain():
    answer = ask("v1", lambda client: client.explain(URL, TEXT, {"instances": INSTANCES[:1]}))
    (explanation,) = answer["explanations"]
    assert explanation["target"] == BEST[0]
    assert len(explanation["attributions"]) > 1


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("binary_out", [False, True])
def test_v2_infer(binary, binary_out):
    outputs = [RequestedOutput(name, {"binary_data": binary_out}) for name in ("label", "probabilities")]
    asked = request(binary=binary, request_outputs=outputs)
    answer = ask("v2", lambda client: client.infer(URL, asked, model_name=TEXT))
    assert answer.id == "7"
    label, probabilities = answer.outputs
    assert label.data == BEST
    rows = probabilities.as_numpy()
    np.testing.assert_allclose(
        rows.max(axis=1), [max(case["probabilities"].values()) for case in TRUTH[TEXT]], atol=1e-5
    )


def test_v2_infer_from_a_dict():
    tensor = {"name": "sentence", "shape": [1], "datatype": "BYTES", "data": [INSTANCES[0]["sentence"]]}
    answer = ask("v2", lambda client: client.infer(URL, {"inputs": [tensor]}, model_name=TEXT))
    assert answer.outputs[0].data == BEST[:1]


REFUSED = {
    "v1: no such model": ("v1", "nobody", {"instances": ["a"]}, "Available", 404),
    "v1: no such input": ("v1", TEXT, {"instances": [{"body": "a"}]}, "'sentence' is missing", 422),
    "v1: no instances": ("v1", TEXT, {"instance": ["a"]}, "Accepted: instances", 422),
    "v2: no such model": ("v2", "nobody", {"inputs": []}, "Available", 404),
    "v2: no inputs": ("v2", TEXT, {"inputs": []}, "inputs", 422),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(name):
    protocol, model, body, said, status = REFUSED[name]
    with pytest.raises(httpx.HTTPStatusError, match=said) as refused:
        ask(protocol, lambda client: client.infer(URL, body, model_name=model))
    assert refused.value.response.status_code == status
