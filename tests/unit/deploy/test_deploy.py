"""The deployment files say nothing that the service does not keep."""

import re
import tomllib
from pathlib import Path

import yaml

from app.settings import Settings

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


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
        return [re.sub(r"\$\((\w+)\)", r"${\1}", step) for step in found if "requirements-dev" not in step]

    assert len(steps(makefile)) == 4
    assert sorted(steps(dockerfile)) == sorted(steps(makefile))


def test_traces_are_installed_as_the_extra_says():
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["otel"]
    (named,) = re.findall(r"^OTEL\s*:= (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert named.split() == extra
    assert f'OTEL="{named}"' in (ROOT / "docs" / "observability.md").read_text()
