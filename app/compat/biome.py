"""biome.text's `serve`: POST /predict with the head's inputs or a batch of them, GET /config, GET /_status; of 1.0 POST
/explain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from app.api.documentation import problems
from app.api.explain import Explainer
from app.compat.requests import asked, meant, outputs
from app.errors import InvalidParameters
from app.explain_schemas import ExplainParameters
from app.prediction import featurize
from app.schemas import parse_request
from app.served import ServedModel
from app.service import Service
from models.classifier import Features
from models.explainable import InputToken

ANSWERS = problems(400, 404, 408, 413, 415, 422, 429, 500, 503, 504)
BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}
DEFAULT_STEPS, STEPS_OF_1_0 = 50, 5


class AttributionsKwargs(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    n_steps: int = Field(DEFAULT_STEPS, ge=1)


class Asked(BaseModel):
    """What /predict takes besides the inputs of the model."""

    model_config = ConfigDict(extra="forbid", strict=True)

    batch: list[dict[str, Any]] | None = Field(None, min_length=1)
    add_tokens: bool = False
    add_attributions: bool = False
    attributions_kwargs: AttributionsKwargs = Field(default_factory=AttributionsKwargs)


def biome_router(service: Service) -> APIRouter:
    router = APIRouter(tags=["as the originals"])
    explainer = Explainer(service)

    @router.post("/predict", operation_id="compat_predict", responses=ANSWERS, openapi_extra=BODY)
    async def predict(request: Request) -> Any:
        """A prediction for the inputs of the model, or one for each of `batch`."""
        served = meant(service, request)
        async with asked(service, request, served, "predict") as body:
            instance, options = _split(body)
            given = [instance] if instance or options.batch is None else options.batch
            instances = [_typed(served, one) for one in given]
            predictions = await outputs(service, served, instances)
            if options.add_tokens:
                await _add_tokens(service, served, instances, predictions)
            if options.add_attributions:
                steps = options.attributions_kwargs.n_steps
                await _add_attributions(service, explainer, served, instances, predictions, steps)
            return predictions if options.batch is not None and not instance else predictions[0]

    @router.post("/explain", operation_id="compat_explain", responses=ANSWERS, openapi_extra=BODY)
    async def explain(request: Request) -> dict[str, Any]:
        """As biome.text 1.0: the prediction, and an attribution for each token by input."""
        served = meant(service, request)
        async with asked(service, request, served, "explain") as body:
            if not isinstance(body, dict):
                raise InvalidParameters("The body must be an object: the inputs of the model.")
            steps = parse_request(AttributionsKwargs, {}, {"n_steps": body.pop("n_steps", STEPS_OF_1_0)}).n_steps
            (prediction,) = await outputs(service, served, [body])
            (attributions,) = await _attributions(explainer, served, [body], steps)
            by_input = groupby(attributions, key=lambda one: _input_of(one["field"]))
            return prediction | {
                "explain": {
                    name: [{"token": one["text"], "attribution": one["attribution"]} for one in part]
                    for name, part in by_input
                }
            }

    @router.get("/config", operation_id="compat_config", responses=problems(404, 422, 500, 503))
    async def config(request: Request) -> dict[str, Any]:
        """The pipeline as its archive describes it, with the labels that answer now."""
        served = meant(service, request)
        described = served.classifier.configuration
        if not described:
            raise InvalidParameters(
                f"{served.name} is no pipeline of biome.text 1.0 - 3.3: see /v1/models/{served.name}."
            )
        return {**described, "head": described["head"] | {"labels": list(served.label_set.labels)}}

    @router.get("/_status", operation_id="compat_status", responses=problems(500))
    async def status() -> dict[str, bool]:
        """There is a server here."""
        return {"ok": True}

    return router


def _split(body: Any) -> tuple[dict[str, Any], Asked]:
    """The inputs of the model, and what is asked besides."""
    if not isinstance(body, dict):
        raise InvalidParameters("The body must be an object: the inputs of the model, or `batch` with a list of them.")
    options = {name: value for name, value in body.items() if name in Asked.model_fields}
    members: dict[str, type[BaseModel]] = {"attributions_kwargs": AttributionsKwargs}
    asked = parse_request(Asked, members, options)
    return {name: value for name, value in body.items() if name not in options}, asked


def _typed(served: ServedModel, instance: dict[str, Any]) -> dict[str, Any]:
    """The inputs as the original's types made them: numbers are texts, and the records of a pair hold texts only."""
    pair = served.classifier.kind == "record_pair"
    if pair and not all(_is_flat(instance.get(name, {})) for name in PAIR):
        raise InvalidParameters(f"{' and '.join(PAIR)} must be objects whose values are texts or numbers.")
    return {name: _texts(value) if name in TYPED else value for name, value in instance.items()}


PAIR = ("record1", "record2")
TYPED = ("text", "document", *PAIR)


def _is_flat(record: Any) -> bool:
    return isinstance(record, dict) and all(isinstance(value, str | int | float) for value in record.values())


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _texts(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_texts(child) for child in value]
    return str(value) if isinstance(value, int | float) else value


async def _attributions(
    explainer: Explainer, served: ServedModel, instances: Sequence[Any], n_steps: int
) -> list[list[dict[str, Any]]]:
    parameters = ExplainParameters(method="biome", n_steps=n_steps)
    explanations = await explainer.explain(served, instances, parameters)
    return [one["attributions"] for one in explanations]


async def _add_tokens(
    service: Service, served: ServedModel, instances: Sequence[Any], predictions: Sequence[dict[str, Any]]
) -> None:
    features = await featurize(service, served, instances)
    for instance, one, prediction in zip(instances, features, predictions, strict=True):
        tokens = await asyncio.to_thread(_tokens, served, "integrated_gradients", instance, one)
        written = [{"text": t.text, "start": t.start, "end": t.end, "field": t.field} for t in tokens]
        prediction["tokens"] = _as_original(served, written, tokens if served.classifier.kind in TEXTS_APART else None)


async def _add_attributions(
    service: Service,
    explainer: Explainer,
    served: ServedModel,
    instances: Sequence[Any],
    predictions: Sequence[dict[str, Any]],
    n_steps: int,
) -> None:
    found = await _attributions(explainer, served, instances, n_steps)
    features = await featurize(service, served, instances)
    for instance, one, prediction, written in zip(instances, features, predictions, found, strict=True):
        tokens = await asyncio.to_thread(_tokens, served, "biome", instance, one)
        apart = served.classifier.kind in TEXTS_APART - {"record_pair"}
        prediction["attributions"] = _as_original(served, written, tokens if apart else None)


TEXTS_APART = {"document", "record", "record_pair"}
"""Kinds whose tokens come in a list for each text; the attributions of a record pair are of whole texts."""


def _tokens(served: ServedModel, method: str, instance: Any, features: Features) -> Sequence[InputToken]:
    from models.explanations import explainable_by, method_for  # noqa: PLC0415 - seconds to import

    classifier = served.classifier
    explainable = explainable_by(classifier, method_for(classifier, method))
    return explainable.tokenization(instance, features).tokens


def _as_original(
    served: ServedModel, written: Sequence[dict[str, Any]], texts: Sequence[InputToken] | None
) -> list[Any]:
    """`field` is the input as the original names it; where `texts` is given, a list for each text of its tokens."""
    pair = served.classifier.kind == "record_pair"
    said = [one | {"field": _input_of(one["field"]) if pair else "text"} for one in written]
    if texts is None:
        return said
    placed = zip(texts, said, strict=True)
    groups = groupby(placed, key=lambda one: (one[0].input, one[0].position[:-1]))
    return [[entry for _, entry in group] for _, group in groups]


def _input_of(field: str) -> str:
    return field.partition(".")[0]
