"""Pure ASGI middleware: what every request gets, whatever route it takes."""

from __future__ import annotations

import logging
import random
import re
import secrets
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import NotAllowed, problem_of
from app.logging import log_failure
from app.problems import send_problem

if TYPE_CHECKING:
    from app.access import Access
    from app.service import Service

log = structlog.get_logger(__name__)

REQUEST_ID = b"x-request-id"
SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
UNMATCHED = "unmatched"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
LOGGED_PATH_CHARS = 200


class RequestContext:
    """A request id, a line in the log, a place in the metrics, and an answer even where the application has none."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope["vitrine.request_id"] = request_id.decode()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID, request_id)]
                if self.service.draining:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            log_failure(log, scope["vitrine.request_id"], error)
            if status:
                raise
            await send_problem(scope, send_with_id, problem_of(error))
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_template(scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self.service.metrics.observe_http(method, route, status, seconds)
        if self.service.settings.access_log:
            log.log(
                logging.WARNING if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO,
                "request",
                request_id=scope["vitrine.request_id"],
                method=method,
                path=scope["path"][:LOGGED_PATH_CHARS],
                status=status,
                code=scope.get("vitrine.code"),
                ms=round(seconds * 1000, 3),
                **scope.get("vitrine.log", {}),
            )


def route_template(scope: Scope) -> str:
    """The path of the route, not of the request: a scanner must not make metrics."""
    if template := getattr(scope.get("route"), "path", None) or getattr(scope.get("endpoint"), "path", None):
        return str(template)
    return scope["path"] if "endpoint" in scope and not scope.get("path_params") else UNMATCHED


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == REQUEST_ID and SANE_ID.fullmatch(value):
            return bytes(value)
    return b"%016x" % _ids.getrandbits(64)


_ids = random.Random(secrets.randbits(64))  # noqa: S311 - ids tell requests apart; they keep no secret
"""The system's own random numbers are a call each, during which other threads take the interpreter."""


class RequireKey:
    """Nothing but probes and documentation is answered without a key; what changes a model asks for more itself."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not OPEN.fullmatch(scope["path"]):
            named = MODEL.match(scope["path"])
            try:
                self.access.key_of(Headers(scope=scope), "predict", named[1] if named else None)
            except NotAllowed as error:
                await send_problem(scope, send, problem_of(error))
                return
        await self.app(scope, receive, send)


OPEN = re.compile(
    r"/|/playground/\w+/[\w.-]+|/docs|/redoc|/openapi\.json|/metrics|/health/startup|/v2/health/(live|ready)"
)
MODEL = re.compile(r"/v[12]/models/([^/:]+)")
