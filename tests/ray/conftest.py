from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle.oracles import CARRIED
from tests.ray.cluster import RAY_BIN, Cluster, cluster
from tests.ray.network import why_not

MODEL = "biome_sequence_classifier_single"
OWN_PROXY = {"RAY_SERVE_ENABLE_HA_PROXY": "0", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "0"}


@pytest.fixture(scope="session", params=["haproxy", "own-proxy"])
def ray_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """One node, nothing deployed; with HAProxy, or with what Ray Serve has where nothing is said."""
    if not (RAY_BIN / "ray").exists():
        pytest.skip("Ray is not in build/ray; `make ray` installs it")
    if reason := why_not():
        pytest.skip(reason)
    variables = {"RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "5"} if request.param == "haproxy" else OWN_PROXY
    with cluster(**variables) as started:
        yield started


@pytest.fixture(scope="session")
def store(ray_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one cluster, on all its nodes: they share this machine's file system."""
    folder: Path = tmp_path_factory.mktemp("store")
    shutil.copy(CARRIED / f"{MODEL}.tar.gz", folder / "names.tar.gz")
    return folder


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """Texts with the labels that the original gave them."""
    cases = json.loads((CARRIED / f"{MODEL}.expected.json").read_text())["cases"]
    answered = [case for case in cases if "max_class" in (case["output"] or ())]
    labels = [(case["input"]["tokens"], case["output"]["max_class"]) for case in answered]
    return {text: label for text, label in labels if isinstance(text, str)}
