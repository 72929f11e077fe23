"""Which models there are, and which are loaded: POST /v2/repository/index, .../models/{name}/load and .../unload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.access import Access
from app.api.documentation import body_of, problems
from app.api.v2.schemas import ChangeParameters, ChangeRequest, IndexEntry, IndexRequest
from app.audit import audit
from app.catalog import Entry, State
from app.patience import Patience, allowed_ms
from app.repository import Repository
from app.schemas import parse_request
from app.service import Service
from app.wire import parse_json

READ = problems(400, 408, 413, 415, 422, 500, 503)
WRITE = problems(400, 401, 403, 404, 408, 413, 415, 422, 429, 500, 503)
STATES = {State.READY: "READY", State.LOADING: "LOADING", State.FAILED: "UNAVAILABLE", State.UNLOADED: "UNAVAILABLE"}

Body = TypeVar("Body", bound=BaseModel)


def repository_router(service: Service, access: Access) -> APIRouter:
    router = APIRouter(tags=["open inference protocol"])
    repository = service.on_close(Repository(service))

    @router.post(
        "/v2/repository/index",
        operation_id="v2_index",
        response_model_exclude_none=True,
        responses=READ,
        openapi_extra={"requestBody": {**body_of(IndexRequest), "required": False}},
    )
    async def index(request: Request) -> list[IndexEntry]:
        """Every model of the store and whether it is loaded."""
        asked = await _read(service, request, IndexRequest, {})
        entries = [_index_entry(entry) for entry in await repository.index()]
        return [entry for entry in entries if entry.state == "READY" or not asked.ready]

    @router.post(
        "/v2/repository/models/{name}/load",
        operation_id="v2_load",
        response_model_exclude_none=True,
        responses=WRITE,
        openapi_extra={"requestBody": {**body_of(ChangeRequest), "required": False}},
    )
    async def load(name: str, request: Request) -> IndexEntry:
        """Loads a model of the store, or loads it again; until that is done what was loaded answers on."""
        return await _changed("load", name, request)

    @router.post(
        "/v2/repository/models/{name}/unload",
        operation_id="v2_unload",
        response_model_exclude_none=True,
        responses=WRITE,
        openapi_extra={"requestBody": {**body_of(ChangeRequest), "required": False}},
    )
    async def unload(name: str, request: Request) -> IndexEntry:
        """Gives a model's memory back. Requests that have begun are answered."""
        return await _changed("unload", name, request)

    async def _changed(verb: str, name: str, request: Request) -> IndexEntry:
        author = access.authorize(request.headers, name)
        await _read(service, request, ChangeRequest, {"parameters": ChangeParameters})
        if verb == "load":
            await repository.load(name)
        else:
            await repository.unload(name)
        audit(f"model {verb}ed", author, name, request)
        return _index_entry(service.catalog.entry(name))

    return router


async def _read(service: Service, request: Request, kind: type[Body], members: Mapping[str, type[BaseModel]]) -> Body:
    """No body stands for an empty object."""
    async with Patience(service.settings.default_deadline_ms, allowed_ms(request.scope)) as patience:
        body = await patience.read(request.receive)
    return parse_request(kind, members, parse_json(body) if body.strip() else {})


def _index_entry(entry: Entry) -> IndexEntry:
    reason = "unloaded" if entry.unloaded else entry.reason
    version = entry.served.version if entry.served else None
    return IndexEntry(name=entry.name, version=version, state=STATES[entry.state], reason=reason)
