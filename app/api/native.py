"""POST /v1/models/{name}:predict, the hot path: a plain ASGI route. GET /v1/models, GET /v1/models/{name}."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter
from starlette.types import Receive, Scope, Send

from app.answers import AnswerOptions
from app.api.documentation import problems
from app.batch import Priority
from app.catalog import Entry, State
from app.outcomes import recorded
from app.patience import Patience, allowed_ms
from app.prediction import PredictOptions, predict
from app.schemas import ModelDetails, ModelList, ModelSource, ModelSummary, PredictParameters, parse_predict
from app.service import Service
from app.stages import stage
from app.wire import parse_json, require_json, send_json
from models.explainable import UNIFORM

PREDICT_PATH = "/v1/models/{name}:predict"


class PredictEndpoint:
    """Reads, predicts and answers without request and response objects, which would cost more than the rest."""

    path = PREDICT_PATH
    verb = "predict"

    def __init__(self, service: Service) -> None:
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        served = self.service.catalog.served(scope["path_params"]["name"])
        with recorded(self.service.metrics, scope, served.name, self.verb):
            answer = await self._answer(served.name, scope, receive)
        with stage("respond"):
            await send_json(send, 200, answer)

    async def _answer(self, name: str, scope: Scope, receive: Receive) -> dict[str, Any]:
        async with Patience(self.service.settings.default_deadline_ms, allowed_ms(scope)) as patience:
            require_json(scope)
            body = await patience.read(receive)
            with stage("parse"):
                request = parse_predict(parse_json(body))
            if request.parameters.deadline_ms:
                patience.allow(request.parameters.deadline_ms)
            patience.watch(scope, receive)
            served = self.service.catalog.served(name)
            started = time.perf_counter()
            predictions = await predict(self.service, served, request.instances, options_of(request.parameters))
            scope["vitrine.log"] = {
                "instances": len(predictions),
                "predict_ms": round((time.perf_counter() - started) * 1000, 3),
            }
        return {
            "predictions": predictions,
            "model": served.name,
            "version": served.version,
            "labels_version": served.label_set.version,
        }


def options_of(parameters: PredictParameters) -> PredictOptions:
    return PredictOptions(
        AnswerOptions(parameters.top_k, parameters.logits), parameters.truncate, Priority(parameters.priority)
    )


def native_router(service: Service) -> APIRouter:
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", operation_id="list_models", response_model_exclude_none=True, responses=problems(500))
    async def list_models() -> ModelList:
        """The models of this server."""
        return ModelList(models=[summary(entry) for entry in service.catalog.entries.values()])

    @router.get(
        "/v1/models/{name}",
        operation_id="get_model",
        response_model_exclude_none=True,
        responses=problems(404, 500),
    )
    async def get_model(name: str) -> ModelDetails:
        """What a model is, what it reads and what it can say."""
        return details(service.catalog.entry(name))

    return router


def summary(entry: Entry) -> ModelSummary:
    return ModelSummary(name=entry.name, ready=entry.state is State.READY, state=entry.state.value, reason=entry.reason)


def details(entry: Entry) -> ModelDetails:
    base = summary(entry).model_dump()
    if not entry.served:
        return ModelDetails(**base)
    classifier, label_set = entry.served.classifier, entry.served.label_set
    inputs, source = classifier.inputs, classifier.source
    return ModelDetails(
        **base,
        kind=classifier.kind,
        multilabel=classifier.multilabel,
        labels=list(label_set.labels),
        version=entry.served.version,
        labels_version=label_set.version,
        inputs=list(inputs.names),
        instance_schema=dict(inputs.json_schema),
        example=dict(inputs.example),
        text_input=inputs.text_input,
        explain_methods=[*UNIFORM, *classifier.own_methods],
        source=ModelSource(library=source.library, versions=source.versions, architecture=source.architecture),
        precision=classifier.precision,
        engine=classifier.engine,
        parameters=classifier.parameters,
        size_bytes=classifier.size_bytes,
    )
