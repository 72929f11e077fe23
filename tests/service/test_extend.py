"""docs/extend.md adds an architecture: its code, as it stands there, serves an archive of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
import torch

from tests.service.process import ROOT, ServerProcess, running
from tests.unit.models.archives import CONFIG, WEIGHTS, members, packed

PAGE = (ROOT / "docs" / "extend.md").read_text()
EMBEDDINGS = WEIGHTS["_text_field_embedder.token_embedder_tokens.weight"]
HEAD = torch.linspace(-0.3, 0.4, 12).view(2, 6)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("extend")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (folder / "swem.py").write_text(code)
    model = {"type": "swem", "text_field_embedder": CONFIG["model"]["text_field_embedder"]}
    weights = {"embedder.token_embedder_tokens.weight": EMBEDDINGS, "head.weight": HEAD, "head.bias": torch.zeros(2)}
    (folder / "store").mkdir()
    packed(folder / "store" / "mood.tar.gz", members({**CONFIG, "model": model}, weights))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        with running(folder / "store", command=[str(folder / "swem.py")], allow_unauthenticated_admin=True) as process:
            yield process


def expected(*words: int) -> list[float]:
    vectors = EMBEDDINGS[list(words)]
    return (HEAD @ torch.cat([vectors.mean(0), vectors.amax(0)])).softmax(0).tolist()


def test_it_answers_alone_and_beside_others(server: ServerProcess) -> None:
    with server.client() as client:
        assert client.get("/v1/models/mood").json()["source"]["architecture"] == "Swem"
        for texts in (["good bad"], ["good bad", "bad", "good good bad bad good"]):
            answer = client.post("/v1/models/mood:predict", json={"instances": texts}).json()
            scores = {one["label"]: one["score"] for one in answer["predictions"][0]["scores"]}
            assert [scores["pos"], scores["neg"]] == pytest.approx(expected(2, 3), abs=1e-5)


def test_it_is_explained_and_taught(server: ServerProcess) -> None:
    with server.client() as client:
        explained = client.post("/v1/models/mood:explain", json={"instances": ["good bad"]}).json()["explanations"][0]
        assert [one["text"] for one in explained["attributions"]] == ["good", "bad"]
        examples = [{"instance": f"bad {'bad ' * number}", "label": "new"} for number in range(6)]
        taught = client.post("/v1/models/mood/labels", json={"labels": ["new"], "examples": examples})
        assert taught.json()["labels"] == ["pos", "neg", "new"]


@pytest.mark.parametrize("text", ["", " "])
def test_what_it_has_no_answer_to_is_the_callers_to_know(server: ServerProcess, text: str) -> None:
    with server.client() as client:
        assert client.post("/v1/models/mood:predict", json={"instances": [text]}).status_code == 422
