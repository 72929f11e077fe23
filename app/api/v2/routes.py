"""All routes of the Open Inference Protocol."""

from __future__ import annotations

from fastapi import FastAPI

from app.access import Access
from app.api.v2.infer import infer_routes
from app.api.v2.metadata import metadata_router
from app.api.v2.repository import repository_router
from app.api.v2.statistics import statistics_router
from app.service import Service


def add_v2(app: FastAPI, service: Service, access: Access) -> None:
    """`/v2/models/stats` goes before `/v2/models/{name}`."""
    app.router.routes.extend(infer_routes(service))
    app.include_router(statistics_router(service))
    app.include_router(metadata_router(service, app.version))
    app.include_router(repository_router(service, access))
