"""What FastAPI's own layers would do is done by those of the service, on the routes that pass the router too."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from structlog import wrap_logger
from structlog.testing import CapturingLogger

from app.main import create_app
from app.settings import Settings

SECRET = "xyzzyplugh"


@pytest.fixture(autouse=True)
def own_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's may write where another test has looked."""
    monkeypatch.setattr("app.middleware.log", wrap_logger(CapturingLogger()))


def asked(path: str, **request: Any) -> httpx.Response:
    app = create_app(Settings(max_request_bytes=1_000))

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError(SECRET)

    @app.post("/read")
    async def read(body: dict[str, Any]) -> int:
        return len(body)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(request.pop("method", "GET"), path, **request)

    return asyncio.run(ask())


def test_what_nobody_expected_is_answered_and_told_no_further() -> None:
    answer = asked("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert SECRET not in answer.text


def test_a_long_body_is_refused_on_any_route() -> None:
    answer = asked("/read", method="POST", json={"a": "b" * 2_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert asked("/read", method="POST", json={"a": "b"}).json() == 1


def test_errors_of_the_router_have_the_one_body() -> None:
    assert asked("/nowhere").json()["code"] == "not_found"
    assert asked("/read").json()["code"] == "method_not_allowed"
