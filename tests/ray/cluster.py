"""A Ray cluster of real nodes, and what its Serve says of itself."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx
import yaml

from tests.ray.network import Network, kill_all

ROOT = Path(__file__).parents[2]
RAY_BIN = ROOT / "build" / "ray" / "bin"
CONFIG = ROOT / "deploy" / "ray" / "serve.yaml"
NODE_ENVIRONMENT = ROOT / "deploy" / "ray" / "node.env"
GCS_PORT, DASHBOARD_PORT = 6379, 8265
HAPROXY_FILES = {
    "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": "haproxy.cfg",
    "RAY_SERVE_HAPROXY_SOCKET_PATH": "admin.sock",
    "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": "metrics.sock",
    "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": "",
    "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": "server-state",
}
Config = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Replica:
    node: str
    """Its address; neither this nor the process are known of one that has just begun."""
    pid: int
    state: str


@dataclass
class Node:
    host: str
    address: str
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://{self.address}:8000"

    def kill(self) -> None:
        kill_all(self.host)
        self.process.wait()


class Cluster:
    """The first node is the head. `variables` are of every node."""

    def __init__(self, network: Network, folder: Path, variables: Mapping[str, str]) -> None:
        self._network = network
        self._folder = folder
        self._environment = _clean_environment() | variables
        self.nodes: list[Node] = []
        self._add("--head", f"--port={GCS_PORT}", f"--temp-dir={folder}", "--dashboard-host=0.0.0.0")
        self.head = self.nodes[0]
        self._dashboard = httpx.Client(base_url=f"http://{self.head.address}:{DASHBOARD_PORT}", timeout=30)
        wait_for(self._serve_answers, 60, "the head to answer")

    @property
    def behind_haproxy(self) -> bool:
        return self._environment["RAY_SERVE_ENABLE_HA_PROXY"] == "1"

    def join(self) -> Node:
        return self._add(f"--address={self.head.address}:{GCS_PORT}")

    def _add(self, *words: str) -> Node:
        host, address = self._network.add_host()
        log = (self._folder / f"{host}.log").open("wb")
        command = [str(RAY_BIN / "ray"), "start", *words, f"--node-ip-address={address}", "--num-cpus=1", "--block"]
        with log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", host, *command, "--disable-usage-stats"],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.nodes.append(Node(host, address, process))
        return self.nodes[-1]

    def deploy(self, config: Config) -> None:
        """As a user does: `serve deploy`."""
        file = self._folder / "serve.yaml"
        file.write_text(yaml.safe_dump(config))
        self._serve("deploy", str(file))

    def status_command(self) -> str:
        """What `serve status` prints."""
        return self._serve("status")

    def _serve(self, *words: str) -> str:
        command = [str(RAY_BIN / "serve"), *words, "--address", str(self._dashboard.base_url)]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=self._environment).stdout

    def wait_running(self, replicas: int, seconds: float = 90) -> list[Replica]:
        def running() -> list[Replica] | None:
            found = self.replicas()
            started = [one for one in found if one.state == "RUNNING"]
            return started if len(found) == len(started) == replicas and self.status == "RUNNING" else None

        return wait_for(running, seconds, f"{replicas} replicas")

    def replicas(self) -> list[Replica]:
        found = self._application().get("deployments", {}).get("vitrine", {}).get("replicas", [])
        return [Replica(one.get("node_ip", ""), one.get("pid", 0), one["state"]) for one in found]

    @property
    def status(self) -> str:
        return str(self._application().get("status"))

    def _application(self) -> dict[str, Any]:
        answer = self._dashboard.get("/api/serve/applications/").raise_for_status().json()
        return dict(answer["applications"].get("vitrine", {}))

    def _serve_answers(self) -> bool:
        assert self.head.process.poll() is None, "ray start ended"
        try:
            return self._dashboard.get("/api/serve/applications/").is_success
        except httpx.TransportError:
            return False

    def close(self) -> None:
        self._dashboard.close()
        for node in reversed(self.nodes):
            node.kill()


@contextmanager
def cluster(**variables: str) -> Iterator[Cluster]:
    """One node, with deploy/ray/node.env and `variables`. Its folder has a short name: Ray's sockets are in it."""
    with TemporaryDirectory(prefix="vr", dir="/tmp", ignore_cleanup_errors=True) as folder, Network() as network:
        files = {name: f"{folder}/haproxy/{file}" for name, file in HAPROXY_FILES.items()}
        started = Cluster(network, Path(folder), node_environment() | files | variables)
        try:
            yield started
        finally:
            started.close()


def node_environment() -> dict[str, str]:
    """What the file says, as a shell reads it."""
    lines = [shlex.split(line, comments=True) for line in NODE_ENVIRONMENT.read_text().splitlines()]
    return dict(line[0].split("=", 1) for line in lines if line)


def config(store: Path, options: dict[str, Any], **settings: Any) -> Config:
    """deploy/ray/serve.yaml with another store, settings, and options of the deployment."""
    config: Config = yaml.safe_load(CONFIG.read_text())
    (application,) = config["applications"]
    (deployment,) = application["deployments"]
    variables = {f"VITRINE_{name.upper()}": str(value) for name, value in {"store": store, **settings}.items()}
    application["runtime_env"]["env_vars"] |= variables
    deployment |= options
    deployment["ray_actor_options"]["num_cpus"] = 1
    return config


def wait_for(look: Callable[[], T | None], seconds: float, what: str) -> T:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def _clean_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VITRINE_", "RAY_"))}
    return kept | {"RAY_AUTH_MODE": "disabled", "PATH": f"{RAY_BIN}:{os.environ['PATH']}"}
