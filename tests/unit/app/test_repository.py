"""Loading and unloading, in this process."""

import asyncio
import gc
import weakref

import pytest

from app.errors import LoadFailed, ModelUnloaded, UnknownModel
from app.prediction import PredictOptions, predict
from app.repository import Repository
from app.service import Service
from app.settings import Settings
from tests.service.tiny import load_tiny, write_tiny

pytestmark = pytest.mark.anyio


@pytest.fixture
async def service(tmp_path):
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    service = Service(Settings(store=tmp_path, device="cpu", threads=1), load_tiny)
    await service.start()
    yield service
    await service.close()


@pytest.fixture
def repository(service):
    return Repository(service)


async def ask(service, text="a day"):
    served = service.catalog.served("mood")
    (answer,) = await predict(service, served, [text], PredictOptions())
    return answer


async def test_nothing_of_an_unloaded_model_stays(service, repository):
    gone = []
    for _ in range(3):
        await ask(service)
        gone.append(weakref.ref(service.catalog.served("mood").classifier))
        await repository.load("mood")
    await repository.unload("mood")
    with pytest.raises(ModelUnloaded, match="load"):
        service.catalog.served("mood")
    gc.collect()
    assert [reference() for reference in gone] == [None] * 3


async def test_a_request_that_has_begun_is_answered_by_the_model_it_began_with(service, repository):
    asked = asyncio.create_task(ask(service, "SLOW day"))
    await asyncio.sleep(0.1)
    await repository.unload("mood")
    assert (await asked)["label"] in {"good", "bad"}


async def test_a_changed_archive_answers_once_it_is_loaded_again(service, repository, tmp_path):
    write_tiny(tmp_path, "mood", labels=["up", "down", "flat"])
    assert (await ask(service))["label"] in {"good", "bad"}
    await repository.load("mood")
    assert (await ask(service))["label"] in {"up", "down", "flat"}


async def test_what_cannot_be_loaded_leaves_what_answers(service, repository, tmp_path):
    write_tiny(tmp_path, "mood", nothing=True)
    with pytest.raises(LoadFailed, match="answers on"):
        await repository.load("mood")
    await ask(service)
    write_tiny(tmp_path, "new", nothing=True)
    with pytest.raises(LoadFailed, match="labels"):
        await repository.load("new")
    assert service.catalog.entry("new").state.value == "FAILED"
    with pytest.raises(UnknownModel, match="mood, new"):
        await repository.load("nobody")


async def test_a_load_whose_caller_goes_is_ended(service, repository, tmp_path):
    write_tiny(tmp_path, "late", labels=["good", "bad"], load_seconds=0.2)
    loaded: list[str] = []
    service.catalog._on_live = loaded.append
    asked = asyncio.create_task(repository.load("late"))
    await asyncio.sleep(0.1)
    asked.cancel()
    await repository.load("late")
    assert service.catalog.served("late") is not None
    assert loaded == ["late", "late"]


async def test_two_loads_at_once_take_turns(service, repository):
    served = await asyncio.gather(*(repository.load("mood") for _ in range(3)))
    assert service.catalog.served("mood") in served
    await ask(service)


async def test_counts_begin_again_with_a_load(service, repository):
    service.metrics.tallies["mood"].add_request(0.1, 3, succeeded=True)
    assert service.metrics.tallies["mood"].instances == 3
    await repository.load("mood")
    tally = service.metrics.tallies["mood"]
    assert (tally.instances, tally.executions) == (0, 0)


async def test_the_index_knows_what_nobody_has_loaded_yet(service, repository, tmp_path):
    write_tiny(tmp_path, "new", labels=["good", "bad"])
    assert {entry.name: entry.state.value for entry in await repository.index()} == {
        "mood": "READY",
        "new": "UNLOADED",
    }
