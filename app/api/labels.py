"""Label sets: GET and POST /v1/models/{name}/labels, GET .../versions, POST .../versions/{version}:activate."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from app.access import Access
from app.api.documentation import body_of, problems
from app.audit import audit
from app.errors import IdempotencyKeyReused, InvalidParameters, StaleVersion, UnderWay
from app.extension import Extender, Extension
from app.label_schemas import (
    ExtendAnswer,
    ExtendRequest,
    LabelSetAnswer,
    VersionAnswer,
    VersionsAnswer,
    parse_extend,
)
from app.label_store import ARCHIVE_VERSION, NewVersion, Replay, VersionInfo
from app.outcomes import recorded
from app.patience import Patience, allowed_ms
from app.served import ServedModel
from app.service import Service
from app.wire import parse_json, require_json
from models.classifier import LabelSet

MAX_KEY_CHARS = 255
CHECKSUM_CHARS = 12
READ = problems(404, 500, 503)
WRITE = problems(400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 429, 500, 503, 504)
HEADERS = [
    {
        "name": name,
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": description,
    }
    for name, description in (
        ("If-Match", "The ETag of the label set that this changes; 412 where another one answers by now."),
        ("Idempotency-Key", "A request sent again with its key is answered again, and done once."),
        ("Authorization", "Bearer KEY, one of the server's admin keys."),
    )
]


def labels_router(service: Service, access: Access) -> APIRouter:
    router = APIRouter(tags=["labels"])
    extender = service.on_close(Extender(service))
    under_way = UnderWayKeys()

    @router.get("/v1/models/{name}/labels", operation_id="get_labels", responses=READ)
    async def get_labels(name: str, response: Response) -> LabelSetAnswer:
        """The labels that answer now, in order. The ETag goes into If-Match of what changes them."""
        return _answer(service, service.catalog.served(name), response)

    @router.post(
        "/v1/models/{name}/labels",
        operation_id="extend_labels",
        responses=WRITE,
        openapi_extra={"requestBody": body_of(ExtendRequest), "parameters": HEADERS},
    )
    async def extend_labels(name: str, request: Request, response: Response) -> ExtendAnswer:
        """Adds labels, learned from examples where there are any. The old labels' odds stay what they are."""
        author = access.authorize(request.headers, name)
        served = service.catalog.served(name)
        with recorded(service.metrics, request.scope, name, "extend"):
            async with Patience(service.settings.default_deadline_ms, allowed_ms(request.scope)) as patience:
                require_json(request.scope)
                asked = parse_extend(parse_json(await patience.read(request.receive)))
                if asked.deadline_ms:
                    patience.allow(asked.deadline_ms)
                patience.watch(request.scope, request.receive)
                key = _idempotency_key(request)
                with under_way.only(name, key):
                    return await _extended(served, asked, author, key, request, response)

    async def _extended(
        served: ServedModel, asked: ExtendRequest, author: str, key: str | None, request: Request, response: Response
    ) -> ExtendAnswer:
        base, digest = service.catalog.entry(served.name).base, _digest(asked)
        store = service.versions.store
        if key and (replay := await asyncio.to_thread(store.find_idempotent, served.name, key, base)):
            return await _again(served, asked, replay, digest, response)
        _check_match(service, served, request)
        extension = await extender.extend(served, asked)
        if asked.dry_run:
            return _extend_answer(_answer(service, served, response), asked, extension)
        new = NewVersion(
            labels=extension.label_set.labels,
            tensors=_tensors(extension.label_set),
            base=base,
            author=author,
            reason=asked.reason,
            report=asdict(extension.report),
            idempotency_key=key,
            request_digest=digest,
        )
        extended = await service.versions.append(served.name, new, served.label_set.version)
        _audit("labels added", author, extended, served.label_set.version, request)
        return _extend_answer(_answer(service, extended, response), asked, extension)

    async def _again(
        served: ServedModel, asked: ExtendRequest, replay: Replay, digest: str, response: Response
    ) -> ExtendAnswer:
        if replay.request_digest != digest:
            raise IdempotencyKeyReused
        base = service.catalog.entry(served.name).base
        version = await asyncio.to_thread(service.versions.store.read, served.name, replay.number, base)
        response.headers["idempotent-replayed"] = "true"
        response.headers["etag"] = _etag(replay.number, base)
        return ExtendAnswer(
            **_label_set(served.name, version.number, version.labels),
            added=asked.labels,
            dry_run=False,
            report=replay.report,
        )

    @router.get(
        "/v1/models/{name}/versions", operation_id="list_versions", response_model_exclude_none=True, responses=READ
    )
    async def list_versions(name: str) -> VersionsAnswer:
        """All label versions of a model, the archive's own first. One that cannot be used says why."""
        served = service.catalog.served(name)
        base, active = service.catalog.entry(name).base, served.label_set.version
        found = await asyncio.to_thread(service.versions.store.versions, name, base)
        own = VersionAnswer(
            version=ARCHIVE_VERSION,
            state="ok",
            active=active == ARCHIVE_VERSION,
            labels=list(served.classifier.label_set.labels),
        )
        return VersionsAnswer(model=name, active=active, versions=[own, *(_version(one, active) for one in found)])

    @router.post(
        "/v1/models/{name}/versions/{version}:activate",
        operation_id="activate_version",
        responses=WRITE,
        openapi_extra={"parameters": [HEADERS[0], HEADERS[2]]},
    )
    async def activate_version(name: str, version: int, request: Request, response: Response) -> LabelSetAnswer:
        """Lets another label version answer: back, or forward again."""
        author = access.authorize(request.headers, name)
        served = service.catalog.served(name)
        with recorded(service.metrics, request.scope, name, "activate"):
            matched = _check_match(service, served, request)
            expected = served.label_set.version if matched else None
            activated = await service.versions.activate(name, version, expected)
            _audit("version activated", author, activated, served.label_set.version, request)
            return _answer(service, activated, response)

    return router


def _audit(what: str, who: str, served: ServedModel, before: int, request: Request) -> None:
    audit(what, who, served.name, request, old_version=before, new_version=served.label_set.version)


class UnderWayKeys:
    """Idempotency keys of requests that have not ended."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()

    @contextmanager
    def only(self, model: str, key: str | None) -> Iterator[None]:
        """Raises UnderWay."""
        if key is None:
            yield
            return
        if (model, key) in self._keys:
            raise UnderWay
        self._keys.add((model, key))
        try:
            yield
        finally:
            self._keys.discard((model, key))


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (key.isascii() and key.isprintable() and 0 < len(key) <= MAX_KEY_CHARS):
        raise InvalidParameters(f"Idempotency-Key must be 1 to {MAX_KEY_CHARS} printable ASCII characters.")
    return key


def _digest(asked: ExtendRequest) -> str:
    return hashlib.sha256(orjson.dumps(asked.model_dump(), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _etag(version: int, base: str) -> str:
    return f'"{version}-{base[:CHECKSUM_CHARS]}"'


def _check_match(service: Service, served: ServedModel, request: Request) -> bool:
    """Whether If-Match names what answers; False where there is no If-Match. Raises StaleVersion."""
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return False
    tags = [tag.strip() for tag in given.split(",")]
    if _etag(served.label_set.version, service.catalog.entry(served.name).base) not in tags:
        raise StaleVersion(served.name, given, served.label_set.version)
    return True


def _tensors(label_set: LabelSet) -> Any:
    from models.head_tensors import head_tensors  # noqa: PLC0415 - seconds to import; here it has been

    return head_tensors(label_set.head)


def _label_set(name: str, number: int, labels: tuple[str, ...]) -> dict[str, Any]:
    return {"model": name, "version": str(number), "labels_version": number, "labels": list(labels)}


def _answer(service: Service, served: ServedModel, response: Response) -> LabelSetAnswer:
    number = served.label_set.version
    response.headers["etag"] = _etag(number, service.catalog.entry(served.name).base)
    return LabelSetAnswer(**_label_set(served.name, number, served.label_set.labels))


def _extend_answer(live: LabelSetAnswer, asked: ExtendRequest, extension: Extension) -> ExtendAnswer:
    report = asdict(extension.report)
    return ExtendAnswer(**live.model_dump(), added=asked.labels, dry_run=asked.dry_run, report=report)


def _version(info: VersionInfo, active: int) -> VersionAnswer:
    said = info.record
    return VersionAnswer(
        version=info.number,
        state=info.state.value,
        active=info.number == active,
        labels=list(said.labels) if said else None,
        parent=said.parent if said else None,
        created=said.created.isoformat() if said else None,
        author=said.author if said else None,
        reason=said.reason if said else None,
        problem=info.problem,
    )
