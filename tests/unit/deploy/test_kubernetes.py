"""deploy/kubernetes is what Kubernetes takes, strictly, and says nothing that the service does not keep."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.api.health import health_router
from app.service import Service
from app.settings import Settings
from tests.service.tiny import load_tiny

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("base", "overlays/gpu", "overlays/plain")
VERSIONS = ("1.30", "1.37")
LABELS = {"app.kubernetes.io/name": "vitrine"}
KUBECTL = shutil.which("kubectl")
needs_kubectl = pytest.mark.skipif(not KUBECTL, reason="kubectl, which has kustomize inside, is not here")


@cache
def built(folder: str) -> list[dict[str, Any]]:
    command = [KUBECTL or "kubectl", "kustomize", str(FOLDER / folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def files() -> Iterator[dict[str, Any]]:
    for path in sorted(FOLDER.glob("*/*.yaml")):
        if path.name != "kustomization.yaml":
            yield from yaml.safe_load_all(path.read_text())


OBJECTS = {one["kind"]: one for one in files()}
POD = OBJECTS["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
(KSERVE,) = OBJECTS["ServingRuntime"]["spec"]["containers"]


def known(one: dict[str, Any]) -> bool:
    """Kubernetes' own schemas know nothing of the operators' kinds."""
    return not re.search(r"coreos|kserve", one["apiVersion"])


def validate(one: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", [kind for kind, one in OBJECTS.items() if known(one)])
def test_every_file_is_strictly_valid(kind: str, version: str) -> None:
    validate(OBJECTS[kind], version)


@needs_kubectl
@pytest.mark.parametrize("folder", OVERLAYS)
def test_what_kustomize_builds_is_strictly_valid(folder: str) -> None:
    objects = built(folder)
    for one in filter(known, objects):
        validate(one, VERSIONS[-1])
    kinds = {one["kind"] for one in objects}
    assert ("ServiceMonitor" in kinds) == ("HorizontalPodAutoscaler" in kinds) == (folder != "overlays/plain")
    assert all(one["metadata"]["labels"] == LABELS for one in objects)


@needs_kubectl
def test_the_gpu_overlay_asks_for_a_gpu_and_uses_it() -> None:
    (deployment,) = (one for one in built("overlays/gpu") if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {"name": "VITRINE_DEVICE", "value": "cuda"} in container["env"]
    assert len(container["env"]) == len(CONTAINER["env"]) + 1


@needs_kubectl
def test_a_wrong_member_does_not_pass() -> None:
    (deployment,) = (one for one in built("base") if one["kind"] == "Deployment")
    deployment = {**deployment, "spec": {**deployment["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        validate(deployment, VERSIONS[-1])


def test_selectors_find_the_pods() -> None:
    labels = OBJECTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [OBJECTS[kind]["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")]
    selectors += [
        OBJECTS["Service"]["spec"]["selector"],
        OBJECTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 4
    assert OBJECTS["ServiceMonitor"]["spec"]["selector"]["matchLabels"] == LABELS
    assert OBJECTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == "vitrine"
    (claim,) = (volume for volume in POD["volumes"] if "persistentVolumeClaim" in volume)
    assert claim["persistentVolumeClaim"]["claimName"] == OBJECTS["PersistentVolumeClaim"]["metadata"]["name"]


@pytest.mark.parametrize("container", [CONTAINER, KSERVE], ids=["deployment", "kserve"])
def test_containers_are_probed_where_the_service_answers(container: dict[str, Any], tmp_path: Path) -> None:
    routes = {route.path for route in health_router(Service(Settings(store=tmp_path), load_tiny)).routes}
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert [one["path"] for one in probes.values()] == ["/health/startup", "/v2/health/live", "/v2/health/ready"]
    assert {one["path"] for one in probes.values()} <= routes
    (port,) = container["ports"]
    assert {one["port"] for one in probes.values()} <= {port.get("name"), port["containerPort"]}
    assert port["containerPort"] == Settings().port


@pytest.mark.parametrize("container", [CONTAINER, KSERVE], ids=["deployment", "kserve"])
def test_containers_are_held_tight(container: dict[str, Any]) -> None:
    security = {**POD["securityContext"], **container["securityContext"]}
    assert security["runAsNonRoot"] is security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert f"USER {security['runAsUser']}:" in (ROOT / "Dockerfile").read_text()
    assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]
    names = {one["name"].removeprefix("VITRINE_").lower() for one in container["env"]}
    assert names <= set(Settings.model_fields)


def test_service_links_cannot_be_taken_for_settings() -> None:
    """A Service named vitrine would set VITRINE_PORT=tcp://... in every pod of its namespace."""
    assert POD["enableServiceLinks"] is False
    assert {"name": "VITRINE_PORT", "value": "8000"} in KSERVE["env"]


def test_pods_have_the_time_to_end_well() -> None:
    command, seconds = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    settings = Settings()
    needed = int(seconds) + settings.drain_delay_s + settings.drain_timeout_s
    assert POD["terminationGracePeriodSeconds"] > needed
    predictor = OBJECTS["InferenceService"]["spec"]["predictor"]
    assert predictor["terminationGracePeriodSeconds"] > settings.drain_delay_s + settings.drain_timeout_s


def test_the_autoscaler_follows_a_metric_that_the_adapter_makes(tmp_path: Path) -> None:
    (metric,) = OBJECTS["HorizontalPodAutoscaler"]["spec"]["metrics"]
    name = metric["pods"]["metric"]["name"]
    service = Service(Settings(store=tmp_path, device="cpu"), load_tiny)
    assert f"\n{name} 0.0\n" in service.metrics.exposition().decode()
    (rule,) = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    assert rule["seriesQuery"].startswith(f"{name}{{")
    assert int(metric["pods"]["target"]["averageValue"]) == Settings().max_batch_items


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is of Debian's package prometheus")
def test_the_adapters_queries_are_valid(tmp_path: Path) -> None:
    (rule,) = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    query = rule["metricsQuery"]
    for template, value in {"GroupBy": "pod", "Series": "vitrine_queue_items", "LabelMatchers": 'pod="a"'}.items():
        query = query.replace(f"<<.{template}>>", value)
    (tmp_path / "rules.yml").write_text(
        yaml.safe_dump(
            {"groups": [{"name": "g", "rules": [{"record": "r", "expr": e} for e in (query, rule["seriesQuery"])]}]}
        )
    )
    done = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
