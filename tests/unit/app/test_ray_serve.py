"""What Ray Serve is given, as far as it can be tried without Ray; tests/ray tries it in a cluster."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.ray_serve.options import deployment_options, replica_settings
from app.ray_serve.ports import first_free
from app.ray_serve.proxy import OneVoice, middlewares
from app.settings import Settings

CONFIG = yaml.safe_load((Path(__file__).parents[3] / "deploy" / "ray" / "serve.yaml").read_text())


async def ask(app: ASGIApp, path: str = "/v1/models") -> httpx.Response:
    """Through the middleware, as a proxy applies it."""
    (middleware,) = middlewares()
    transport = httpx.ASGITransport(middleware.cls(app, *middleware.args, **middleware.kwargs))
    async with httpx.AsyncClient(transport=transport, base_url="http://proxy") as client:
        return await client.get(path, headers={"X-Request-Id": "of-the-caller"})


@pytest.mark.parametrize(
    ("status", "code", "retry_after"),
    [(429, "overloaded", "1"), (503, "unavailable", "5"), (404, "not_found", None), (408, "http_error", None)],
)
@pytest.mark.anyio
async def test_what_the_proxy_says_itself_is_a_problem(status: int, code: str, retry_after: str | None) -> None:
    answer = await ask(PlainTextResponse("Request dropped due to backpressure", status))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers.get("retry-after") == retry_after
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"] == answer.json()["detail"]
    assert answer.headers["x-request-id"] == "of-the-caller"


@pytest.mark.anyio
async def test_a_request_without_an_answer_may_be_sent_again() -> None:
    async def lost(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    answer = await ask(lost)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "replica_lost", "1")
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "of-the-caller"


@pytest.mark.parametrize(
    "own", [PlainTextResponse("vitrine_ready 1"), JSONResponse({"code": "overloaded"}, 429, {"retry-after": "7"})]
)
@pytest.mark.anyio
async def test_what_the_application_says_stays(own: JSONResponse | PlainTextResponse) -> None:
    answer = await ask(own)
    assert (answer.status_code, answer.content) == (own.status_code, own.body)
    assert sorted(answer.headers.raw) == sorted(own.raw_headers)


@pytest.mark.anyio
async def test_the_proxys_own_health_stays() -> None:
    answer = await ask(PlainTextResponse("This node is being drained.", 503), "/-/healthz")
    assert answer.text == "This node is being drained."


@pytest.mark.anyio
async def test_a_request_id_is_given_once() -> None:
    twice = PlainTextResponse("")
    twice.raw_headers.extend([(b"x-request-id", b"one"), (b"X-Request-ID", b"one")])
    assert (await ask(twice)).headers.get_list("x-request-id") == ["one"]


@pytest.mark.anyio
async def test_what_is_not_http_passes() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["type"], receive, send))

    channel: Callable[..., None] = print
    await OneVoice(app)({"type": "websocket", "path": "/"}, channel, channel)
    assert seen == [("websocket", channel, channel)]


def test_a_replica_takes_more_than_a_batch_and_drains_as_long_as_the_service() -> None:
    options = deployment_options(Settings(max_batch_items=32, drain_timeout_s=45))
    assert options["max_ongoing_requests"] >= 2 * 32
    assert options["autoscaling_config"]["target_ongoing_requests"] == 32
    assert options["graceful_shutdown_timeout_s"] > 45


def test_a_batch_takes_the_cores_that_ray_keeps(tmp_path: Path) -> None:
    assert replica_settings(Settings(store=tmp_path), cpus=2.0).threads == 2
    assert replica_settings(Settings(store=tmp_path), cpus=0.5).threads == 1
    assert replica_settings(Settings(store=tmp_path, threads=3), cpus=2.0).threads == 3


def test_replicas_of_one_node_take_ports_side_by_side() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with first_free("127.0.0.1", port) as one, first_free("127.0.0.1", port) as another:
            assert port < one.getsockname()[1] < another.getsockname()[1]
    with first_free("127.0.0.1", port) as free:
        assert free.getsockname()[1] == port
    with pytest.raises(ValueError, match="cannot be served at"):
        first_free("192.0.2.1", port)


def test_health_stays_with_the_rest_of_the_application(tmp_path: Path) -> None:
    assert replica_settings(Settings(store=tmp_path, probe_port=8100), cpus=1).probe_port == 0


def test_a_store_that_a_node_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="absolute"):
        replica_settings(Settings(store=Path("store")), cpus=1)
    with pytest.raises(ValueError, match="every node"):
        replica_settings(Settings(store=tmp_path / "none"), cpus=1)


def test_the_file_for_serve_deploy_names_what_there_is() -> None:
    (application,) = CONFIG["applications"]
    (deployment,) = application["deployments"]
    module, name = application["import_path"].split(":")
    source = Path(__file__).parents[3] / Path(*module.split(".")).with_suffix(".py")
    assert f"\n{name} = " in source.read_text()
    assert f'name="{deployment["name"]}"' in source.read_text()
    variables = application["runtime_env"]["env_vars"]
    assert {key.removeprefix("VITRINE_").lower() for key in variables} <= set(Settings.model_fields)
    target = deployment["autoscaling_config"]["target_ongoing_requests"]
    assert target == deployment_options(Settings())["autoscaling_config"]["target_ongoing_requests"]


def test_the_proxy_imports_nothing_that_computes() -> None:
    look = "import sys, app.ray_serve.proxy; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", look], check=True)
