"""Errors as HTTP answers: one body for all of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope, Send

from app.errors import ROUTER_CODES, UNEXPECTED, InvalidParameters, Problem, ServiceError, answer_to, problem_of
from app.logging import log_failure
from app.wire import send_json
from models.errors import ModelError

log = structlog.get_logger(__name__)


async def send_problem(scope: Scope, send: Send, problem: Problem, headers: dict[bytes, bytes] | None = None) -> None:
    scope["vitrine.code"] = problem.code
    body = problem.body
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        body["request_id"] = scope.get("vitrine.request_id")
    headers = dict(headers or {})
    if problem.retry_after is not None:
        headers[b"retry-after"] = b"%d" % problem.retry_after
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers[b"www-authenticate"] = b"Bearer"
    await send_json(send, problem.status, body, headers)


async def send_error(scope: Scope, send: Send, error: Exception) -> None:
    """Answers what a request ended with."""
    await send_problem(scope, send, _known(scope, error))


def _known(scope: Scope, error: Exception) -> Problem:
    """The problem of an error; what nobody expected goes to the log too."""
    if answer_to(error) is UNEXPECTED:
        log_failure(log, scope.get("vitrine.request_id"), error)
    return problem_of(error)


class _ProblemResponse(Response):
    def __init__(self, problem: Problem, headers: dict[bytes, bytes] | None = None) -> None:
        super().__init__(status_code=problem.status)
        self._problem = problem
        self._extra = headers

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        await send_problem(scope, send, self._problem, self._extra)


def add_problem_handlers(app: FastAPI) -> None:
    """Every error that reaches the application is answered with a problem body."""
    app.add_exception_handler(ServiceError, _on_domain_error)
    app.add_exception_handler(ModelError, _on_domain_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)


async def _on_domain_error(request: Request, error: Exception) -> Response:
    return _ProblemResponse(_known(request.scope, error))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND and detail == title:
        detail = f"There is nothing at {request.url.path}. GET /openapi.json lists what there is."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not possible here. Allowed: {(error.headers or {}).get('Allow', 'see /docs')}."
    code = ROUTER_CODES.get(error.status_code, "http_error")
    headers = {name.lower().encode(): value.encode() for name, value in (error.headers or {}).items()}
    return _ProblemResponse(Problem(error.status_code, code, title, detail), headers)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    sentences = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}." for one in error.errors()]
    return _ProblemResponse(problem_of(InvalidParameters(" ".join(sentences))))
