"""The lane's own processes, with a real classifier: scenes played where it can be forked."""

import inspect

import pytest

from tests.service.forked import Piped
from tests.unit.app import device_processes_scenes as scenes

SECONDS = 60
SCENES = [
    name
    for name, one in vars(scenes).items()
    if inspect.iscoroutinefunction(one) and list(inspect.signature(one).parameters) == ["processes", "lane"]
]


@pytest.mark.parametrize("scene", SCENES)
def test_scene(scene):
    assert Piped(scenes.play, scene).result(SECONDS).endswith(scenes.PLAYED)
