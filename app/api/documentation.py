"""The OpenAPI document: every status that a route can answer, and the routes that document themselves here."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.errors import ANSWERS, ROUTER_CODES, UNEXPECTED
from app.schemas import PredictRequest, PredictResponse, Problem

REFERENCE = "#/components/schemas/{model}"

PREDICT_STATUSES = (400, 404, 413, 415, 422, 429, 500, 503, 504)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers problems of these statuses."""
    return {status: {"model": Problem, "description": _description(status)} for status in statuses}


def _description(status: int) -> str:
    answers = {answer.code: answer.title for answer in (*ANSWERS.values(), UNEXPECTED) if answer.status == status}
    return "; ".join(f"{title} ({code})" for code, title in answers.items()) or ROUTER_CODES.get(status, "problem")


def _json_body(model: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REFERENCE.format(model=model.__name__)}}}


def _predict_operation() -> dict[str, Any]:
    answers = {
        str(status): {"description": _description(status), "content": _json_body(Problem)}
        for status in PREDICT_STATUSES
    }
    return {
        "tags": ["models"],
        "operationId": "predict",
        "summary": "Predict",
        "description": "Labels with their scores for each instance.",
        "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
        "requestBody": {"required": True, "content": _json_body(PredictRequest)},
        "responses": {"200": {"description": "Predictions", "content": _json_body(PredictResponse)}, **answers},
    }


def document(app: FastAPI) -> dict[str, Any]:
    """Made once, then kept, as FastAPI does it."""
    if app.openapi_schema:
        return app.openapi_schema
    schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, definitions = models_json_schema(
        [(PredictRequest, "validation"), (PredictResponse, "serialization"), (Problem, "serialization")],
        ref_template=REFERENCE,
    )
    schema.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
    schema["paths"]["/v1/models/{name}:predict"] = {"post": _predict_operation()}
    app.openapi_schema = schema
    return schema
