"""The dashboard and the rules ask for metrics that there are, and a real Prometheus has an answer to each."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.service.process import ServerProcess, running
from tests.service.tiny import write_tiny

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "vitrine.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULE_FILES = ("rules.yml", "alerts.yml")
RULES = [
    rule
    for name in RULE_FILES
    for group in yaml.safe_load((DEPLOY / "prometheus" / name).read_text())["groups"]
    for rule in group["rules"]
]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
NAME = r"\b(?:vitrine|process|instance|instance_model|instance_route)[_:][a-z_:0-9]+"


def expressions() -> list[str]:
    asked = [target["expr"] for panel in PANELS for target in panel["targets"]]
    variables = [variable["query"]["query"] for variable in DASHBOARD["templating"]["list"][1:]]
    return [*asked, *variables, *(rule["expr"] for rule in RULES)]


def traffic(server: ServerProcess) -> None:
    with server.client() as client:
        for instances in (["a fine day"], [""], ["a", "b c d"]):
            client.post("/v1/models/mood:predict", json={"instances": instances})


def test_every_metric_that_is_asked_for_is_exposed(server: ServerProcess) -> None:
    traffic(server)
    with server.client() as client:
        families = text_string_to_metric_families(client.get("/metrics").text)
        exposed = {sample.name for family in families for sample in family.samples}
    asked = {name for one in expressions() for name in re.findall(NAME, one)}
    assert len(asked) > 25
    assert asked - exposed - RECORDED == set()


def test_panels_have_places_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        squares = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert at["x"] + at["w"] <= 24
        assert not squares & taken, panel["title"]
        taken |= squares
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


@pytest.fixture(scope="module")
def prometheus(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Of deploy/prometheus, but it scrapes this server, and every second."""
    if not shutil.which("prometheus"):
        pytest.skip("there is no prometheus here; Debian's package has it")
    folder = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [urlsplit(server.url).netloc]}]
    config["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in RULE_FILES]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = {"config.file": folder / "prometheus.yml", "storage.tsdb.path": folder, "web.listen-address": address}
    command = ["prometheus", *(f"--{name}={value}" for name, value in options.items()), "--log.level=error"]
    process = subprocess.Popen(command)
    try:
        with httpx.Client(base_url=f"http://{address}/api/v1") as client:
            wait_for_scrapes(client, server)
            yield client
    finally:
        process.terminate()
        process.wait()


def wait_for_scrapes(prometheus: httpx.Client, server: ServerProcess) -> None:
    """Until it has seen the counters of the server grow, and its rules have seen that."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        traffic(server)
        time.sleep(0.5)
        try:
            if ask(prometheus, "/query", query="instance_model:vitrine_requests:rate5m > 0")["result"]:
                return
        except httpx.TransportError:  # not listening yet
            pass
    raise AssertionError("Prometheus has scraped nothing")


def ask(prometheus: httpx.Client, path: str, **query: str) -> Any:
    answer = prometheus.get(path, params=query).json()
    assert answer["status"] == "success", answer
    return answer["data"]


def test_every_target_is_up_and_no_rule_fails(prometheus: httpx.Client) -> None:
    targets = ask(prometheus, "/targets")["activeTargets"]
    assert [target["health"] for target in targets] == ["up"]
    rules = [rule for group in ask(prometheus, "/rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(RULES)
    assert {rule["health"] for rule in rules} == {"ok"}
    firing = [
        alert["labels"]["alertname"] for alert in ask(prometheus, "/alerts")["alerts"] if alert["state"] == "firing"
    ]
    assert firing == []


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_panel_shows_something(prometheus: httpx.Client, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        query = re.sub(r"\$__rate_interval", "1m", target["expr"])
        query = re.sub(r"\$(instance|model|job)", ".*", query)
        assert ask(prometheus, "/query", query=query)["result"], query


def test_rules_record_what_they_are_for(prometheus: httpx.Client) -> None:
    for name in RECORDED:
        assert ask(prometheus, "/query", query=name)["result"], name


def test_a_model_that_is_unloaded_on_purpose_alarms_nobody(tmp_path: Path) -> None:
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    with running(tmp_path, allow_unauthenticated_admin=True) as server, server.client() as client:
        assert 'vitrine_model_ready{model="mood"} 1.0' in client.get("/metrics").text
        client.post("/v2/repository/models/mood/unload").raise_for_status()
        assert "vitrine_model_ready{" not in client.get("/metrics").text
