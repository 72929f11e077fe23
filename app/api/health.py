"""Probes and metrics. They answer whatever the models do."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.documentation import problems
from app.errors import Unavailable
from app.schemas import Alive, Live, Ready
from app.service import Service

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


def health_router(service: Service) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/", operation_id="alive", responses=problems(500))
    async def alive() -> Alive:
        """There is a server here."""
        return Alive(status="alive")

    @router.get("/v2/health/live", operation_id="live", responses=problems(500, 503))
    async def live() -> Live:
        """503 where the process should be replaced."""
        _refuse(service.not_live)
        return Live(live=True)

    @router.get("/v2/health/ready", operation_id="ready", responses=problems(500, 503))
    async def ready() -> Ready:
        """503 where requests should go elsewhere: loading, draining, failed."""
        _refuse(service.not_ready)
        return Ready(ready=True)

    @router.get("/health/startup", operation_id="startup", responses=problems(500, 503))
    async def startup() -> Ready:
        """503 until every model is loaded or has failed."""
        _refuse(None if service.loaded else "Models are being loaded.")
        return Ready(ready=True)

    @router.get(
        "/metrics",
        operation_id="metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(500)},
    )
    async def metrics() -> Response:
        """Prometheus metrics."""
        return Response(service.metrics.exposition(), media_type=EXPOSITION)

    return router


def _refuse(reason: str | None) -> None:
    if reason:
        raise Unavailable(reason)
