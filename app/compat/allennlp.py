"""`allennlp serve` and allennlp-server: POST /predict with a predictor's JSON, POST /predict_batch with a list."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from app.api.documentation import problems
from app.compat.requests import asked, meant, outputs
from app.errors import InvalidParameters
from app.service import Service

ANSWERS = problems(400, 404, 408, 413, 415, 422, 429, 500, 503, 504)
OBJECT = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}
LIST = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
    }
}


def allennlp_router(service: Service) -> APIRouter:
    router = APIRouter(tags=["as the originals"])

    @router.post("/predict", operation_id="compat_predict", responses=ANSWERS, openapi_extra=OBJECT)
    async def predict(request: Request) -> dict[str, Any]:
        """What the predictor of the model's original answered to this object."""
        served = meant(service, request)
        async with asked(service, request, served, "predict") as instance:
            if not isinstance(instance, dict):
                raise InvalidParameters("The body must be an object: what the predictor takes.")
            (output,) = await outputs(service, served, [instance])
            return output

    @router.post("/predict_batch", operation_id="compat_predict_batch", responses=ANSWERS, openapi_extra=LIST)
    async def predict_batch(request: Request) -> list[dict[str, Any]]:
        """The same for a list of objects."""
        served = meant(service, request)
        async with asked(service, request, served, "predict") as instances:
            if not isinstance(instances, list) or not instances:
                raise InvalidParameters("The body must be a list of at least one object: what the predictor takes.")
            return await outputs(service, served, instances)

    return router
