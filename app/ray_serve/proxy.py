"""Middleware of Ray Serve's own servers: their errors in the words of the application.

Its proxies, and replicas behind HAProxy, take it where RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH names `middlewares`.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import ROUTER_CODES, Overloaded, Problem, Unavailable, problem_of
from app.problems import send_problem

RAYS_OWN_PATHS = "/-/"
REQUEST_ID = "x-request-id"
PLAIN = b"text/plain"

FULL = problem_of(Overloaded("All replicas are busy, and as many requests wait as may. Try again in a moment."))
NOT_SERVED = problem_of(Unavailable("No replica can answer at the moment. Try again.", retry_after=5))
REPLICA_LOST = Problem(
    503,
    "replica_lost",
    "Replica lost",
    "The replica that had this request ended before it answered. Send the request again; another one will answer.",
    retry_after=1,
)


def middlewares() -> list[Middleware]:
    return [Middleware(OneVoice)]


class OneVoice:
    """The application answers every error with a JSON problem; what is plain text is Ray Serve's own.

    A request whose replica ends is not answered by Ray Serve at all.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(RAYS_OWN_PATHS):
            await self.app(scope, receive, send)
            return
        started = replaced = False

        async def send_in_own_words(message: Message) -> None:
            nonlocal started, replaced
            if message["type"] == "http.response.start":
                started = True
                if problem := _problem(message):
                    replaced = True
                    await _send(scope, send, problem)
                    return
                message["headers"] = _each_once(message["headers"])
            if not replaced:
                await send(message)

        await self.app(scope, receive, send_in_own_words)
        if not started:
            await _send(scope, send, REPLICA_LOST)


async def _send(scope: Scope, send: Send, problem: Problem) -> None:
    """With the id of the request, which the server has given it by now where the client did not."""
    request_id = Headers(scope=scope).get(REQUEST_ID, "")
    scope["vitrine.request_id"] = request_id
    await send_problem(scope, send, problem, {REQUEST_ID.encode(): request_id.encode("latin-1")})


def _problem(start: Message) -> Problem | None:
    """None for an answer of the application."""
    status = start["status"]
    kinds = [value for name, value in start["headers"] if name.lower() == b"content-type"]
    if status < HTTPStatus.BAD_REQUEST or not kinds or not kinds[0].startswith(PLAIN):
        return None
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return FULL
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return NOT_SERVED
    title = HTTPStatus(status).phrase
    return Problem(status, ROUTER_CODES.get(status, "http_error"), title, f"{title}. No application answers here.")


def _each_once(headers: Sequence[Sequence[bytes]]) -> list[tuple[bytes, ...]]:
    """The proxy repeats the X-Request-Id that the application has answered with."""
    return list(dict.fromkeys((name.lower(), value) for name, value in headers))
