"""FastAPI with layers of one's own around it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp


class Layered(FastAPI):
    """An application whose layers stand in for those that FastAPI puts around everything: RequestContext answers what
    nobody expected, BodyLimit bounds bodies. What ends in one of them passes none of FastAPI's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._layers: list[Callable[[ASGIApp], ASGIApp]] = []

    def add_layer(self, layer: Callable[..., ASGIApp], **options: Any) -> None:
        """Around those that are there: `layer(inner, **options)`."""
        self._layers.append(partial(layer, **options))

    def build_middleware_stack(self) -> ASGIApp:
        app: ASGIApp = ExceptionMiddleware(AsyncExitStackMiddleware(self.router), self.exception_handlers)
        for layer in self._layers:
            app = layer(app)
        return app
