"""The OpenAPI document: every status that a route can answer, and the routes that document themselves here."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.api.v2.schemas import ChangeRequest, IndexRequest, InferRequest, InferResponse
from app.errors import ANSWERS, ROUTER_CODES, UNEXPECTED
from app.explain_schemas import ExplainRequest, ExplainResponse
from app.label_schemas import ExtendRequest
from app.schemas import PredictRequest, PredictResponse, Problem

REFERENCE = "#/components/schemas/{model}"

BINARY = "application/octet-stream"
PREDICT_STATUSES = (400, 404, 408, 413, 415, 422, 429, 500, 503, 504)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers problems of these statuses."""
    return {status: {"model": Problem, "description": _description(status)} for status in statuses}


def _description(status: int) -> str:
    answers = {answer.code: answer.title for answer in (*ANSWERS.values(), UNEXPECTED) if answer.status == status}
    return "; ".join(f"{title} ({code})" for code, title in answers.items()) or ROUTER_CODES.get(status, "problem")


def _json_body(model: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REFERENCE.format(model=model.__name__)}}}


def body_of(model: type) -> dict[str, Any]:
    """The `requestBody` of a route that reads its body itself."""
    return {"required": True, "content": _json_body(model)}


def _operation(name: str, description: str, request: type, response: type, *parameters: str) -> dict[str, Any]:
    """`parameters` are those of the path besides the model's name."""
    answers = {
        str(status): {"description": _description(status), "content": _json_body(Problem)}
        for status in PREDICT_STATUSES
    }
    return {
        "tags": ["models"],
        "operationId": name,
        "summary": name.capitalize(),
        "description": description,
        "parameters": [
            {"name": parameter, "in": "path", "required": True, "schema": {"type": "string"}}
            for parameter in ("name", *parameters)
        ],
        "requestBody": body_of(request),
        "responses": {"200": {"description": "Answers", "content": _json_body(response)}, **answers},
    }


def document(app: FastAPI) -> dict[str, Any]:
    """Made once, then kept, as FastAPI does it."""
    if app.openapi_schema:
        return app.openapi_schema
    schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, definitions = models_json_schema(
        [
            (PredictRequest, "validation"),
            (PredictResponse, "serialization"),
            (ExplainRequest, "validation"),
            (ExplainResponse, "serialization"),
            (ExtendRequest, "validation"),
            (InferRequest, "validation"),
            (InferResponse, "serialization"),
            (IndexRequest, "validation"),
            (ChangeRequest, "validation"),
            (Problem, "serialization"),
        ],
        ref_template=REFERENCE,
    )
    schema.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
    predict = _operation("predict", "Labels with their scores for each instance.", PredictRequest, PredictResponse)
    explain = _operation(
        "explain", "How much each token of an instance speaks for a label.", ExplainRequest, ExplainResponse
    )
    schema["paths"]["/v1/models/{name}:predict"] = {"post": predict}
    schema["paths"]["/v1/models/{name}:explain"] = {"post": explain}
    tensors = "As predict, in the tensors of the Open Inference Protocol; binary data behind the JSON where asked."
    for path, name, parameters in (
        ("/v2/models/{name}/infer", "infer", ()),
        ("/v2/models/{name}/versions/{version}/infer", "infer_version", ("version",)),
    ):
        infer = _operation(name, tensors, InferRequest, InferResponse, *parameters)
        infer["responses"]["200"]["content"][BINARY] = {"schema": {"type": "string", "format": "binary"}}
        schema["paths"][path] = {"post": infer}
    app.openapi_schema = schema
    return schema
