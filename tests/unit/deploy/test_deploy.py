"""The deployment files say nothing that the service does not keep."""

import re
from pathlib import Path

import pytest
import yaml

from app.service import Service
from app.settings import Settings
from tests.service.tiny import load_tiny, write_tiny

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def metric_names(tmp_path):
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    service = Service(Settings(store=tmp_path, device="cpu", threads=1), load_tiny)
    await service.start()
    families = re.findall(r"^# TYPE (\S+) (\S+)", service.metrics.exposition().decode(), re.MULTILINE)
    await service.close()
    return {name for name, _ in families} | {f"{name}_bucket" for name, kind in families if kind == "histogram"}


async def test_alerts_use_metrics_that_exist(metric_names):
    used = {name for rule in RULES for name in re.findall(r"\bvitrine_\w+", rule["expr"])}
    assert len(used) >= 5
    assert used <= metric_names


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(rule):
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert {"summary", "action"} <= set(rule["annotations"])


def test_the_queue_alert_knows_the_default_limit():
    (rule,) = (rule for rule in RULES if rule["alert"] == "VitrineQueueNearLimit")
    assert rule["expr"].endswith(f" {Settings().max_queue_items}")


def test_compose_gives_settings_that_exist_and_time_to_drain():
    service = COMPOSE["services"]["vitrine"]
    settings = Settings()
    names = {name.removeprefix("VITRINE_").lower() for name in service["environment"]}
    assert names <= set(Settings.model_fields)
    assert int(service["stop_grace_period"].removesuffix("s")) > settings.drain_delay_s + settings.drain_timeout_s


def test_every_service_is_hardened():
    for service in COMPOSE["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert service["deploy"]["resources"]["limits"]["memory"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_image_installs_as_make_install_does():
    makefile, dockerfile = (ROOT / "Makefile").read_text(), (ROOT / "Dockerfile").read_text()

    def steps(text):
        found = re.findall(r"install --quiet (.+?)(?:\s*\\)?$", text, re.MULTILINE)
        return [step.replace("$(TORCH)", "${TORCH}") for step in found if "requirements-dev" not in step]

    assert len(steps(makefile)) == 3
    assert steps(dockerfile) == steps(makefile)
