"""One story of a cluster, in the order of the file: each test begins where the one before it ended."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.ray.cluster import Cluster, Config, config, wait_for
from tests.ray.load import HAPROXYS_WORDS, Load
from tests.service.process import VITRINE, running

pytestmark = pytest.mark.long

KEY = "a-key-for-the-cluster"
ADMIN = {"Authorization": f"Bearer {KEY}"}
PREDICT, EXPLAIN = "/v1/models/names:predict", "/v1/models/names:explain"
LABELS = "/v1/models/names/labels"
PROBE_PORT = 8100
MOST_BYTES = 100_000
SETTINGS: dict[str, Any] = {
    "admin_keys": KEY,
    "threads": 1,
    "store_poll_seconds": 0.5,
    "max_explain_instances": 600,
    "max_request_bytes": MOST_BYTES,
}
QUICK_SCALING = {"target_ongoing_requests": 2, "upscale_delay_s": 1, "look_back_period_s": 2, "metrics_interval_s": 0.5}
OF_THE_SERVER = {"connection", "date", "server", "x-request-id"}


def slow(seconds: int) -> dict[str, Any]:
    """What keeps a replica busy for about as long."""
    return {"instances": ["Blue Noodle Bar"] * 200 * seconds, "parameters": {"n_steps": 1000}}


def of_scale(store: Path, least: int, most: int, *, log_level: str = "info", **options: Any) -> Config:
    scaling = {"min_replicas": least, "max_replicas": most, "downscale_delay_s": 600, **QUICK_SCALING}
    return config(store, {"autoscaling_config": scaling, **options}, log_level=log_level, **SETTINGS)


@pytest.fixture(scope="module")
def one_replica(ray_cluster: Cluster, store: Path) -> Cluster:
    ray_cluster.deploy(of_scale(store, 1, 1))
    ray_cluster.wait_running(1, 120)
    return ray_cluster


@pytest.fixture
def client(one_replica: Cluster) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=one_replica.head.url, timeout=60) as client:
        yield client


def requests() -> Iterator[tuple[str, str, dict[str, Any]]]:
    text = {"instances": ["Blue Noodle Bar", "Ada & Sons"]}
    yield "POST", PREDICT, {"json": text}
    yield "POST", PREDICT, {"json": text, "headers": {"X-Request-Id": "of-the-caller"}}
    yield "POST", PREDICT, {"json": {"instances": [1]}}
    yield "POST", PREDICT, {"content": b"{"}
    yield "POST", PREDICT, {"content": iter([b'{"instances": ', b'["in two chunks"]}'])}
    yield "POST", PREDICT, {"content": b"x" * (MOST_BYTES + 1)}
    yield "POST", "/v1/models/none:predict", {"json": text}
    yield "POST", EXPLAIN, {"json": {"instances": ["Blue Noodle Bar"], "parameters": {"n_steps": 10}}}
    yield "POST", LABELS, {"json": {"labels": ["new"]}}
    for path in ("/", "/v1/models", "/v1/models/names", LABELS, "/openapi.json", "/docs", "/nowhere", "/v2"):
        yield "GET", path, {}
    yield "GET", "/", {"headers": {"Accept": "text/html"}}
    yield "GET", "/v2/health/ready", {}
    yield "HEAD", "/v2/health/live", {}
    yield "DELETE", "/v1/models", {}
    v2 = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["Blue Noodle Bar"]}]}
    yield "POST", "/v2/models/names/infer", {"json": v2}


def test_every_answer_is_that_of_a_process(one_replica: Cluster, store: Path, tmp_path: Path) -> None:
    shutil.copy(store / "names.tar.gz", tmp_path)
    with running(tmp_path, command=VITRINE, **SETTINGS) as process:
        for (method, path, options), (_, _, again) in zip(requests(), requests(), strict=True):
            there = httpx.request(method, one_replica.head.url + path, **options, timeout=60)
            here = httpx.request(method, process.url + path, **again, timeout=60)
            assert there.status_code == here.status_code, (path, there.text)
            assert without_request_id(there) == without_request_id(here), path
            assert of_the_application(there) == of_the_application(here), path
            assert len(there.headers.get_list("x-request-id")) == 1


def without_request_id(answer: httpx.Response) -> str:
    return re.sub(answer.headers["x-request-id"], "", answer.text)


def of_the_application(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OF_THE_SERVER}


def test_serve_status_says_that_it_runs(one_replica: Cluster) -> None:
    vitrine = yaml.safe_load(one_replica.status_command())["applications"]["vitrine"]
    assert (vitrine["status"], vitrine["deployments"]["vitrine"]["status"]) == ("RUNNING", "HEALTHY")


def test_what_has_no_room_is_429_in_our_words(one_replica: Cluster, store: Path) -> None:
    one_replica.deploy(of_scale(store, 1, 1, max_ongoing_requests=1, max_queued_requests=1))
    refused: list[httpx.Response] = []

    def look() -> bool:
        def ask() -> None:
            with httpx.Client(base_url=one_replica.head.url, timeout=60) as mine:
                answer = mine.post(EXPLAIN, json=slow(1))
                if not answer.is_success:
                    refused.append(answer)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return bool(refused)

    wait_for(look, 60, "a refusal")
    answer = refused[0]
    assert (answer.status_code, answer.json()["code"]) == (429, "overloaded")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["x-request-id"]


def test_the_only_replica_is_replaced_when_it_is_killed(
    one_replica: Cluster, client: httpx.Client, store: Path
) -> None:
    one_replica.deploy(of_scale(store, 1, 1))
    (replica,) = one_replica.wait_running(1)
    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(once, client, EXPLAIN, slow(3))
        time.sleep(0.5)
        os.kill(replica.pid, signal.SIGKILL)
    lost = {"503 replica_lost after 1"}
    if one_replica.behind_haproxy:  # which asks again itself, until it finds that there is no other replica
        lost |= {f"500 {HAPROXYS_WORDS}", "RemoteProtocolError", "ReadError"}
    assert asking.result() in lost
    wait_for(lambda: [one for one in one_replica.wait_running(1) if one != replica], 60, "another replica")
    assert client.post(PREDICT, json={"instances": ["Blue Noodle Bar"]}).is_success


def once(client: httpx.Client, path: str, body: Any) -> str:
    try:
        answer = client.post(path, json=body)
    except httpx.TransportError as error:
        return type(error).__name__
    if answer.headers["content-type"] == "application/json":
        return f"{answer.status_code} {answer.json().get('code')} after {answer.headers.get('retry-after')}"
    return f"{answer.status_code} {answer.text}"


def test_load_makes_a_replica_on_the_second_node(one_replica: Cluster, store: Path, texts: dict[str, str]) -> None:
    second = one_replica.join()
    one_replica.deploy(of_scale(store, 1, 2))
    with Load([one_replica.head.url], PREDICT, texts) as load:
        replicas = one_replica.wait_running(2, 120)
    assert {one.node for one in replicas} == {one_replica.head.address, second.address}
    assert (load.lost, load.again) == ([], {})
    wait_for(lambda: proxy_answers(second.url), 60, "the second node's proxy")


def proxy_answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/healthz").is_success
    except httpx.TransportError:
        return False


def test_a_label_taught_on_one_node_answers_on_both(one_replica: Cluster) -> None:
    urls = [node.url for node in one_replica.nodes]
    examples = [{"instance": f"Seaview Guest House {number}", "label": "lodging"} for number in range(8)]
    taught = httpx.post(urls[1] + LABELS, json={"labels": ["lodging"], "examples": examples}, headers=ADMIN, timeout=60)
    assert taught.status_code == 200, taught.text
    started = time.monotonic()
    wait_for(lambda: versions(one_replica) == {2}, 10, "both replicas to answer with version 2")
    assert time.monotonic() - started < 5
    for url in urls:
        answer = httpx.post(url + PREDICT, json={"instances": ["Seaview Guest House 3"]}).json()
        assert (answer["predictions"][0]["label"], answer["labels_version"]) == ("lodging", 2)


def versions(cluster: Cluster) -> set[int]:
    """That the replicas answer with, as each says on its own port."""
    found = set()
    for replica in cluster.replicas():
        metrics = httpx.get(f"http://{replica.node}:{PROBE_PORT}/metrics").text
        (version,) = re.findall(r"^vitrine_label_set_version\{.*\} (\S+)", metrics, re.MULTILINE)
        found.add(int(float(version)))
    return found


def test_a_node_that_is_killed_loses_no_request(one_replica: Cluster, texts: dict[str, str]) -> None:
    head, second = one_replica.nodes
    with Load([head.url, second.url], PREDICT, texts) as load:
        time.sleep(3)
        before = load.answered
        second.kill()
        time.sleep(10)
    assert load.lost == []
    assert load.answered > before > 0
    assert load.again
    assert {one.node for one in one_replica.replicas() if one.state == "RUNNING"} == {head.address}


def test_a_node_that_comes_takes_its_share(one_replica: Cluster, texts: dict[str, str]) -> None:
    third = one_replica.join()
    with Load([one_replica.head.url], PREDICT, texts) as load:
        replicas = one_replica.wait_running(2, 120)
    assert third.address in {one.node for one in replicas}
    assert load.lost == []
    assert versions(one_replica) == {2}


def test_an_update_replaces_one_replica_after_the_other(
    one_replica: Cluster, store: Path, texts: dict[str, str]
) -> None:
    head, _, third = one_replica.nodes
    before = {one.pid for one in one_replica.replicas()}
    with Load([head.url, third.url], PREDICT, texts) as load:
        one_replica.deploy(of_scale(store, 2, 2, log_level="warning"))
        wait_for(lambda: not before & {one.pid for one in one_replica.wait_running(2, 120)}, 120, "others")
    assert (load.lost, load.again) == ([], {})


def test_a_replica_that_is_drained_answers_what_it_has(
    one_replica: Cluster, store: Path, texts: dict[str, str]
) -> None:
    head, _, third = one_replica.nodes
    with Load([head.url, third.url], PREDICT, texts) as load:
        time.sleep(2)
        one_replica.deploy(of_scale(store, 1, 1, log_level="warning"))
        one_replica.wait_running(1)
        time.sleep(2)
    assert (load.lost, load.again) == ([], {})
