"""The recording and alert rules do what they say: Prometheus' own unit tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
DEPLOY = HERE.parents[2] / "deploy" / "prometheus"
CASES = yaml.safe_load((HERE / "rules.test.yml").read_text())["tests"]
ALERTS = [rule for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is of Debian's package prometheus")


def promtool(*words: str | Path) -> None:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_configuration_and_its_rules_are_valid() -> None:
    promtool("check", "config", DEPLOY / "prometheus.yml")


@needs_promtool
def test_rules_give_what_the_cases_say() -> None:
    promtool("test", "rules", HERE / "rules.test.yml")


@pytest.mark.parametrize("alert", [rule["alert"] for rule in ALERTS])
def test_every_alert_has_a_case_where_it_fires_and_one_where_it_does_not(alert: str) -> None:
    tested = [one for case in CASES for one in case["alert_rule_test"] if one["alertname"] == alert]
    assert {bool(one.get("exp_alerts")) for one in tested} == {True, False}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert {"summary", "action"} <= set(rule["annotations"])
