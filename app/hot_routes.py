"""The short way to the endpoints that most requests are for: the routing of all others costs as much as they do."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import ServiceError
from app.problems import send_error
from models.errors import ModelError

MODELS = "/v1/models/"


class HotRoutes:
    """POST /v1/models/{name}:{verb} goes to the endpoint of its verb, everything else to the application.

    The application has routes to the same endpoints, for requests that a root path keeps from being known here.
    """

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, ASGIApp]) -> None:
        self.app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(MODELS):
            name, _, verb = scope["path"].removeprefix(MODELS).rpartition(":")
            endpoint = self._endpoints.get(verb)
            if endpoint and name and "/" not in name:
                scope["path_params"], scope["endpoint"] = {"name": name}, endpoint
                await self._answer(endpoint, scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _answer(self, endpoint: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await endpoint(scope, receive, send)
        except (ServiceError, ModelError) as error:
            await send_error(scope, send, error)
