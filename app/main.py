"""Assembles the application. Nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.routing import Route

from app.access import Access
from app.api.documentation import document
from app.api.explain import ExplainEndpoint
from app.api.health import health_router
from app.api.labels import labels_router
from app.api.native import PredictEndpoint, native_router
from app.api.playground import playground_routes
from app.api.v2.routes import add_v2
from app.body_limit import BodyLimit
from app.catalog import Load
from app.compat.routes import add_compat
from app.device_processes import DeviceProcesses
from app.hot_routes import HotRoutes
from app.layered import Layered
from app.middleware import RequestContext, RequireKey
from app.problems import add_problem_handlers
from app.service import Service
from app.settings import Settings

DESCRIPTION = "Archived text classifiers, served."
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own sends the words of errors, which may quote an instance."""


def create_app(
    settings: Settings | None = None, *, load: Load | None = None, processes: DeviceProcesses | None = None
) -> Layered:
    """`load` opens an archive; models.loading.load_classifier where it is not given. `processes` are the lane's."""
    service = Service(settings or Settings(), load, processes)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await service.close()

    app = Layered(title="Vitrine", version="0.1.0", description=DESCRIPTION, lifespan=lifespan, telemetry=NO_TELEMETRY)
    app.state.service = service
    hot = [PredictEndpoint(service), ExplainEndpoint(service)]
    app.router.routes.extend(Route(one.path, one, methods=["POST"], name=one.verb) for one in hot)
    if service.settings.playground:
        app.router.routes.extend(playground_routes())
    app.include_router(native_router(service))
    access = Access(service.settings)
    app.include_router(labels_router(service, access))
    add_v2(app, service, access)
    add_compat(app, service)
    if not service.settings.probe_port:
        app.include_router(health_router(service))
    app.add_layer(HotRoutes, endpoints={one.verb: one for one in hot})
    if service.settings.require_key:
        app.add_layer(RequireKey, access=access)
    app.add_layer(BodyLimit, limit=service.settings.max_request_bytes, together=service.settings.max_bodies_bytes)
    app.add_layer(RequestContext, service=service)
    if service.tracing:
        app.add_layer(service.tracing.middleware)
    add_problem_handlers(app)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # the way FastAPI documents
    return app


def create_probes(service: Service) -> FastAPI:
    """Health and metrics of a service whose application is on another port."""
    app = FastAPI(title="Vitrine probes", openapi_url=None)
    app.include_router(health_router(service))
    add_problem_handlers(app)
    return app
