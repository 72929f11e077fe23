import re

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app.cli import app
from app.options import settings_from
from app.settings import UNSAFE_TORCH_SWITCH, Settings


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"VITRINE_{name.upper()}", raising=False)
    monkeypatch.delenv(UNSAFE_TORCH_SWITCH, raising=False)


def test_every_setting_says_what_it_is_for_and_is_an_option():
    shown = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert f"--{name.replace('_', '-')}" in shown, name


def test_options_go_before_the_environment(monkeypatch):
    monkeypatch.setenv("VITRINE_PORT", "9000")
    monkeypatch.setenv("VITRINE_HOST", "0.0.0.0")
    settings = settings_from({"port": 9001, "host": None})
    assert (settings.port, settings.host) == (9001, "0.0.0.0")


def test_keys_do_not_show_in_a_repr():
    assert "s3cret" not in repr(Settings(admin_keys="s3cret"))


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"max_instance_tokens": 20_000}, ["max_instance_tokens", "max_batch_tokens"]),
        ({"max_queue_tokens": 1_000}, ["max_batch_tokens", "max_queue_tokens"]),
        ({"max_queue_items": 63, "max_instances_per_request": 10}, ["max_batch_items", "max_queue_items"]),
        ({"max_instances_per_request": 5_000}, ["max_instances_per_request", "max_queue_items"]),
        ({"batch_wait_ms": 50, "default_deadline_ms": 50}, ["batch_wait_ms", "default_deadline_ms"]),
        ({"device": "gpu"}, ["device"]),
        ({"port": 70_000}, ["port"]),
        ({"store": ""}, ["store"]),
        ({"prot": 80}, ["prot"]),
    ],
)
def test_what_cannot_work_together_is_refused_by_name(given, names):
    with pytest.raises(ValidationError) as refused:
        Settings(**given)
    for name in names:
        assert re.search(rf"\b{name}\b", str(refused.value))


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_the_switch_that_lets_archives_run_code_is_refused(monkeypatch, value):
    monkeypatch.setenv(UNSAFE_TORCH_SWITCH, value)
    with pytest.raises(ValidationError, match=UNSAFE_TORCH_SWITCH):
        Settings()
