"""What a user of tritonclient writes, as it comes from PyPI, against the server at VITRINE_URL.

Run by test_clients.py, with the Python of build/clients.
"""

import json
import os
import zlib

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.http.aio import InferenceServerClient as AsyncClient
from tritonclient.utils import InferenceServerException

ADDRESS = os.environ["VITRINE_URL"].removeprefix("http://")
ADMIN = {"Authorization": f"Bearer {os.environ['VITRINE_KEY']}"}
TRUTH = json.loads(os.environ["VITRINE_TRUTH"])
"""Of each model: instances with the probabilities that the original gave, by label."""
TEXT = "allennlp210_cnn"
PAIR = "biome_v33_pair_fwd_bwd"
ONE = "one of the texts that are long enough for the model"


@pytest.fixture
def client():
    with triton.InferenceServerClient(ADDRESS) as client:
        yield client


def bytes_input(name, values, *, binary=True, column=False):
    array = np.array([value.encode() for value in values], dtype=np.object_)
    array = array.reshape(-1, 1) if column else array
    tensor = triton.InferInput(name, list(array.shape), "BYTES")
    return tensor.set_data_from_numpy(array, binary_data=binary)


def sentences():
    return [case["instance"]["sentence"] for case in TRUTH[TEXT]]


def expected(model, labels):
    return np.array([[case["probabilities"][label] for label in labels] for case in TRUTH[model]], np.float32)


def labels_of(client, model):
    (tensor,) = [one for one in client.get_model_metadata(model)["outputs"] if one["name"] == "probabilities"]
    return tensor["parameters"]["labels"]


def requested(*names, **options):
    return [triton.InferRequestedOutput(name, **options) for name in names]


def test_health(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(TEXT)
    assert client.is_model_ready(TEXT, "1")
    assert not client.is_model_ready(TEXT, "9")
    assert not client.is_model_ready("broken")
    assert not client.is_model_ready("nobody")


def test_metadata_and_config(client):
    server = client.get_server_metadata()
    assert server["name"] == "vitrine"
    assert {"binary_tensor_data", "classification", "statistics", "model_repository"} <= set(server["extensions"])
    metadata = client.get_model_metadata(PAIR, "1")
    assert metadata["versions"] == ["1"]
    assert [(one["name"], one["datatype"]) for one in metadata["inputs"]] == [
        ("record1", "BYTES"),
        ("record2", "BYTES"),
    ]
    assert [one["name"] for one in metadata["outputs"]] == ["label", "score", "probabilities"]
    config = client.get_model_config(PAIR)
    assert [(one["name"], one["data_type"]) for one in config["input"]] == [
        ("record1", "TYPE_STRING"),
        ("record2", "TYPE_STRING"),
    ]


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("column", [True, False])
def test_texts_in_and_the_originals_numbers_out(client, binary, column):
    labels = labels_of(client, TEXT)
    inputs = [bytes_input("sentence", sentences(), binary=binary, column=column)]
    outputs = requested("label", "score", "probabilities", binary_data=binary)
    result = client.infer(TEXT, inputs, outputs=outputs)
    wanted = expected(TEXT, labels)
    np.testing.assert_allclose(result.as_numpy("probabilities"), wanted, atol=1e-5)
    np.testing.assert_allclose(result.as_numpy("score"), wanted.max(axis=1), atol=1e-5)
    said = [label.decode() if isinstance(label, bytes) else label for label in result.as_numpy("label")]
    assert said == [labels[index] for index in wanted.argmax(axis=1)]


def test_records_are_json(client):
    labels = labels_of(client, PAIR)
    records = [[json.dumps(case["instance"][name]) for case in TRUTH[PAIR]] for name in ("record1", "record2")]
    result = client.infer(PAIR, [bytes_input("record1", records[0]), bytes_input("record2", records[1], binary=False)])
    np.testing.assert_allclose(result.as_numpy("probabilities"), expected(PAIR, labels), atol=1e-5)


def test_all_outputs_come_where_none_is_asked_for(client):
    result = client.infer(TEXT, [bytes_input("sentence", [ONE, ONE])])
    assert [one["name"] for one in result.get_response()["outputs"]] == ["label", "score", "probabilities"]
    assert {type(label) for label in result.as_numpy("label")} == {bytes}


def test_some_outputs_as_json_and_some_binary(client):
    outputs = [*requested("probabilities", binary_data=True), *requested("label", binary_data=False)]
    result = client.infer(TEXT, [bytes_input("sentence", [ONE])], outputs=outputs)
    names = [one["name"] for one in result.get_response()["outputs"]]
    assert names == ["probabilities", "label"]
    assert "data" in result.get_output("label")
    assert "data" not in result.get_output("probabilities")
    assert result.as_numpy("probabilities").shape == (1, len(labels_of(client, TEXT)))
    assert result.as_numpy("score") is None


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_both_ways(client, algorithm):
    texts = sentences() * 20
    options = {"request_compression_algorithm": algorithm, "response_compression_algorithm": algorithm}
    plain = client.infer(TEXT, [bytes_input("sentence", texts)])
    packed = client.infer(TEXT, [bytes_input("sentence", texts)], **options)
    np.testing.assert_array_equal(plain.as_numpy("label"), packed.as_numpy("label"))
    np.testing.assert_allclose(plain.as_numpy("probabilities"), packed.as_numpy("probabilities"), atol=1e-6)


def test_a_request_id_comes_back(client):
    result = client.infer(TEXT, [bytes_input("sentence", [ONE])], request_id="order 66")
    assert result.get_response()["id"] == "order 66"
    assert "id" not in client.infer(TEXT, [bytes_input("sentence", [ONE])]).get_response()


def test_classification(client):
    outputs = requested("probabilities", class_count=2)
    rows = client.infer(TEXT, [bytes_input("sentence", sentences())], outputs=outputs).as_numpy("probabilities")
    labels = labels_of(client, TEXT)
    wanted = expected(TEXT, labels)
    assert rows.shape == (len(wanted), min(2, len(labels)))
    for row, probabilities in zip(rows, wanted, strict=True):
        score, index, label = row[0].decode().split(":", 2)
        assert (int(index), label) == (probabilities.argmax(), labels[probabilities.argmax()])
        assert float(score) == pytest.approx(probabilities.max(), abs=1e-5)


def test_a_timeout_in_microseconds_and_a_priority(client):
    inputs = [bytes_input("sentence", sentences() * 40)]
    with pytest.raises(InferenceServerException) as late:
        client.infer(TEXT, inputs, timeout=1)
    assert late.value.status() == "504"
    assert "within 1 ms" in late.value.message()
    client.infer(TEXT, inputs, timeout=20_000_000, priority=2)


def test_many_at_once(client):
    with triton.InferenceServerClient(ADDRESS, concurrency=8) as many:
        asked = [many.async_infer(TEXT, [bytes_input("sentence", [text])]) for text in sentences()]
        rows = np.concatenate([one.get_result().as_numpy("probabilities") for one in asked])
    np.testing.assert_allclose(rows, expected(TEXT, labels_of(client, TEXT)), atol=1e-5)


def test_the_asyncio_client():
    import asyncio

    async def ask():
        async with AsyncClient(ADDRESS) as client:
            assert await client.is_model_ready(TEXT)
            result = await client.infer(TEXT, [bytes_input("sentence", sentences())], outputs=requested("label"))
            return result.as_numpy("label")

    assert len(asyncio.run(ask())) == len(sentences())


def test_statistics_count_what_was_answered(client):
    def counts():
        (one,) = client.get_inference_statistics(TEXT)["model_stats"]
        return one, one["inference_stats"]["success"]["count"], one["inference_stats"]["fail"]["count"]

    before, succeeded, failed = counts()
    client.infer(TEXT, [bytes_input("sentence", [ONE, ONE, ONE])])
    with pytest.raises(InferenceServerException):
        client.infer(TEXT, [bytes_input("nothing", [ONE])])
    after, more_succeeded, more_failed = counts()
    assert (more_succeeded, more_failed) == (succeeded + 1, failed + 1)
    assert after["inference_count"] == before["inference_count"] + 3
    assert after["execution_count"] > before["execution_count"]
    assert sum(one["compute_infer"]["count"] for one in after["batch_stats"]) == after["execution_count"]
    assert after["last_inference"] > before["last_inference"]
    assert after["inference_stats"]["success"]["ns"] > before["inference_stats"]["success"]["ns"]
    assert TEXT in {one["name"] for one in client.get_inference_statistics()["model_stats"]}


def test_the_repository(client):
    states = {one["name"]: one["state"] for one in client.get_model_repository_index()}
    assert states[TEXT] == "READY"
    assert states["broken"] == "UNAVAILABLE"
    client.unload_model("spare", headers=ADMIN)
    assert not client.is_model_ready("spare")
    with pytest.raises(InferenceServerException, match="not loaded"):
        client.infer("spare", [bytes_input("sentence", [ONE])])
    client.load_model("spare", headers=ADMIN)
    assert client.is_model_ready("spare")
    client.load_model("spare", headers=ADMIN)
    client.infer("spare", [bytes_input("sentence", [ONE])])


REFUSED = {
    "nobody may without a key": (lambda client: client.unload_model("spare"), "401", "key"),
    "no such model": (lambda client: client.load_model("nobody", headers=ADMIN), "404", "Available"),
    "no archive": (lambda client: client.load_model("broken", headers=ADMIN), "422", "could not be loaded"),
    "no own config": (lambda client: client.load_model("spare", headers=ADMIN, config="{}"), "422", "Accepted"),
    "no such version": (lambda client: client.get_model_metadata(TEXT, "7"), "404", "Available: 1"),
    "no such input": (lambda client: client.infer(TEXT, [bytes_input("text", ["a"])]), "422", "sentence"),
    "no such output": (
        lambda client: client.infer(TEXT, [bytes_input("sentence", ["a"])], outputs=requested("logit")),
        "422",
        "probabilities",
    ),
    "no record": (
        lambda client: client.infer(PAIR, [bytes_input("record1", ["a"]), bytes_input("record2", ["b"])]),
        "422",
        "JSON",
    ),
    "no classes of a text": (
        lambda client: client.infer(TEXT, [bytes_input("sentence", ["a"])], outputs=requested("label", class_count=1)),
        "422",
        "probabilities only",
    ),
    "no numbers": (
        lambda client: client.infer(
            TEXT, [triton.InferInput("sentence", [1], "FP32").set_data_from_numpy(np.zeros(1, np.float32))]
        ),
        "422",
        "BYTES",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(client, name):
    call, status, said = REFUSED[name]
    with pytest.raises(InferenceServerException) as refused:
        call(client)
    assert refused.value.status() == status
    assert said in refused.value.message()


def test_a_body_that_is_small_only_while_it_is_packed(client):
    bomb = zlib.compress(b'{"inputs": "' + b"a" * 60_000_000 + b'"}')
    answer = client._post(f"v2/models/{TEXT}/infer", bomb, {"Content-Encoding": "deflate"}, None)
    assert answer.status_code == 413
    assert "bytes" in json.loads(answer.read())["error"]
