"""POST /v2/models/{name}/infer and /v2/models/{name}/versions/{version}/infer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.answers import AnswerOptions
from app.api.v2.compression import DEFLATERS, WORTH_BYTES, accepted_encoding, inflated
from app.api.v2.inputs import instances_of
from app.api.v2.outputs import tensor_of, wanted_outputs, written
from app.api.v2.schemas import InferRequest, parse_infer
from app.batch import Priority
from app.errors import InvalidParameters, UnknownVersion, UnsupportedMedia
from app.outcomes import recorded
from app.patience import LONGEST_MS, Patience, allowed_ms
from app.prediction import PredictOptions, predict
from app.served import ServedModel
from app.service import Service
from app.stages import stage
from app.wire import parse_json

INFER_PATH = "/v2/models/{name}/infer"
VERSION_INFER_PATH = "/v2/models/{name}/versions/{version}/infer"
HEADER_LENGTH = "inference-header-content-length"
BINARY_TYPE = "application/octet-stream"


def infer_routes(service: Service) -> list[Route]:
    return [
        Route(path, InferEndpoint(service, path), methods=["POST"], name="infer")
        for path in (INFER_PATH, VERSION_INFER_PATH)
    ]


def served_version(service: Service, name: str, version: str | None) -> ServedModel:
    """The version that answers, which is the only one to be asked.

    Raises UnknownVersion, UnknownModel, ModelLoading, ModelFailed, ModelUnloaded.
    """
    served = service.catalog.served(name)
    if version is not None and version != served.version:
        raise UnknownVersion(name, version[:20], [served.label_set.version])
    return served


class Answer(NamedTuple):
    body: bytes
    headers: Mapping[str, str]


class InferEndpoint:
    """As predict, in tensors."""

    def __init__(self, service: Service, path: str) -> None:
        self.service = service
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parameters = scope["path_params"]
        served = served_version(self.service, parameters["name"], parameters.get("version"))
        with recorded(self.service.metrics, scope, served.name, "predict"):
            answer = await self._answer(served.name, parameters.get("version"), scope, receive)
        headers = {**answer.headers, "content-length": str(len(answer.body))}
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        with stage("respond"):
            await send({"type": "http.response.start", "status": 200, "headers": encoded})
            await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, name: str, version: str | None, scope: Scope, receive: Receive) -> Answer:
        headers = Headers(scope=scope)
        async with Patience(self.service.settings.default_deadline_ms, allowed_ms(scope)) as patience:
            body = await patience.read(receive)
            with stage("parse"):
                request, binary = await self._read(headers, body)
            if request.parameters.timeout:
                patience.allow(min(LONGEST_MS, math.ceil(request.parameters.timeout / 1000)))
            patience.watch(scope, receive)
            served = served_version(self.service, name, version)
            wanted = wanted_outputs(request.outputs, binary=request.parameters.binary_data_output)
            instances = instances_of(
                served.classifier.inputs,
                request.inputs,
                binary,
                self.service.settings.max_instances_per_request,
                request.parameters.content_type,
            )
            options = PredictOptions(
                AnswerOptions(), request.parameters.truncate, _priority(request.parameters.priority)
            )
            predictions = await predict(self.service, served, instances, options)
            scope["vitrine.log"] = {"instances": len(predictions)}
            labels = served.label_set.labels
            tensors = [written(tensor_of(one, predictions, labels), binary=one.binary) for one in wanted]
            said: dict[str, Any] = {"model_name": served.name, "model_version": served.version}
            if request.id is not None:
                said["id"] = request.id
            if warnings := _warnings(predictions):
                said["parameters"] = {"warnings": warnings}
            head = orjson.dumps(said | {"outputs": [one for one, _ in tensors]})
            return await _packed(head, b"".join(part for _, part in tensors), headers.get("accept-encoding", ""))

    async def _read(self, headers: Headers, body: bytes) -> tuple[InferRequest, bytes]:
        """The request, and what comes behind its JSON."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in {"", BINARY_TYPE, "application/json"} and not kind.endswith("+json"):
            raise UnsupportedMedia("Send the body as application/json, or with binary data application/octet-stream.")
        encoding = headers.get("content-encoding", "").strip().lower()
        if encoding:
            body = await asyncio.to_thread(inflated, body, encoding, self.service.settings.max_request_bytes)
        length = _header_length(headers.get(HEADER_LENGTH), body)
        return parse_infer(parse_json(body[:length])), body[length:]


def _header_length(given: str | None, body: bytes) -> int:
    if given is None:
        return len(body)
    if not given.isascii() or not given.isdigit() or len(given) > len(str(len(body))) or int(given) > len(body):
        raise InvalidParameters(
            f"Inference-Header-Content-Length must be the length of the JSON, at most the body's {len(body)} bytes."
        )
    return int(given)


def _priority(number: int) -> Priority:
    return Priority.BULK if number > 1 else Priority.INTERACTIVE


def _warnings(predictions: list[dict[str, Any]]) -> str:
    return " ".join(
        f"instances[{index}]: {warning}" for index, one in enumerate(predictions) for warning in one["warnings"]
    )


async def _packed(head: bytes, binary: bytes, accept: str) -> Answer:
    headers = {"content-type": "application/json"}
    if binary:
        headers = {"content-type": BINARY_TYPE, "inference-header-content-length": str(len(head))}
    body, encoding = head + binary, accepted_encoding(accept)
    if encoding and len(body) >= WORTH_BYTES:
        body = await asyncio.to_thread(DEFLATERS[encoding], body)
        headers |= {"content-encoding": encoding, "vary": "accept-encoding"}
    return Answer(body, headers)
