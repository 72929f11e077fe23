"""The service in this process, without HTTP."""

import asyncio
from dataclasses import replace

import pytest
import torch
from torch import nn

from app.errors import ModelFailed, UnknownModel
from app.prediction import PredictOptions, predict
from app.service import Service
from app.settings import Settings
from models.classifier import LabelSet
from tests.service.tiny import load_tiny, write_tiny

pytestmark = pytest.mark.anyio


@pytest.fixture
async def service(tmp_path):
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    write_tiny(tmp_path, "broken", nothing=True)
    service = Service(Settings(store=tmp_path, device="cpu", threads=1), load_tiny)
    loading = service.start()
    assert service.not_ready == "Models are being loaded."
    await loading
    yield service
    await service.close()


async def test_what_is_live_unknown_and_failed(service):
    assert service.not_ready is None
    assert service.catalog.served("mood").label_set.labels == ("good", "bad")
    with pytest.raises(ModelFailed, match="labels"):
        service.catalog.served("broken")
    with pytest.raises(UnknownModel, match="mood"):
        service.catalog.served("moods")


async def test_a_published_label_set_answers_the_next_request_and_a_running_one_keeps_its_own(service):
    before = service.catalog.served("mood")
    head = nn.Linear(16, 3)
    wider = LabelSet(("good", "bad", "odd"), head, version=2)
    asked = asyncio.create_task(predict(service, before, ["a day"] * 40, PredictOptions()))
    await asyncio.sleep(0)
    after = service.catalog.publish("mood", wider)
    assert service.catalog.served("mood") is after
    assert {len(one["scores"]) for one in await asked} == {2}
    (prediction,) = await predict(service, after, ["a day"], PredictOptions())
    with torch.inference_mode():
        vectors = after.classifier.encode(after.collate([after.classifier.featurize("a day")]))
        expected = head(vectors).softmax(-1).max().item()
    assert prediction["score"] == pytest.approx(expected, abs=1e-6)
    assert after.version == "2"


async def test_gauges_are_read_off_the_service(service):
    text = service.metrics.exposition().decode()
    assert 'vitrine_model_ready{model="mood"} 1.0' in text
    assert 'vitrine_model_ready{model="broken"} 0.0' in text
    assert 'vitrine_label_set_version{model="mood"} 1.0' in text
    service.catalog.publish("mood", replace(service.catalog.served("mood").label_set, version=7))
    assert 'vitrine_label_set_version{model="mood"} 7.0' in service.metrics.exposition().decode()
