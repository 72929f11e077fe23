"""Assembles the application as a deployment of Ray Serve: each replica is a whole service. Nothing else."""

from __future__ import annotations

import asyncio
import os

import ray
import structlog
from fastapi import FastAPI
from ray import serve

from app.logging import configure_logging
from app.main import create_app
from app.ray_serve.options import deployment_options, replica_settings
from app.ray_serve.ports import first_free
from app.server import EXIT_NOT_LIVE, FATAL_GRACE_S, start_probes
from app.service import Service
from app.settings import Settings, unknown_variables

log = structlog.get_logger(__name__)


class Replica:
    async def __serve_build_asgi_app__(self) -> FastAPI:
        """Ray Serve starts it before the first health check and ends it after the last request.

        Raises ValueError for settings that cannot be, in words for `serve status`.
        """
        given = Settings()
        settings = replica_settings(given, cpus=ray.get_runtime_context().get_assigned_resources().get("CPU", 0))
        configure_logging(settings)
        if unknown := unknown_variables():
            log.warning("unknown variables", names=unknown, hint="No setting reads them; docs/settings.md lists them.")
        app = create_app(settings)
        self._service: Service = app.state.service
        self._service.on_fatal = _end_soon
        if given.probe_port:
            await start_probes(self._service, first_free(given.host, given.probe_port))
        return app

    async def check_health(self) -> None:
        """No request comes before the first one returns. Raises RuntimeError where another replica should take over."""
        service = self._service
        await service.until_loaded()
        if reason := service.not_ready:
            failed = [f"{entry.name}: {entry.reason}" for entry in service.catalog.entries.values() if entry.reason]
            raise RuntimeError(" ".join([reason, *failed]))


def _end_soon() -> None:
    """Ray starts another replica at once where a process ends; an unhealthy one it would keep for half a minute."""
    asyncio.get_running_loop().call_later(FATAL_GRACE_S, os._exit, EXIT_NOT_LIVE)


deployment = serve.deployment(name="vitrine", **deployment_options(Settings()))(serve.ingress()(Replica))
application = deployment.bind()
"""What `serve run app.ray_serve.application:application` and deploy/ray/serve.yaml name."""
