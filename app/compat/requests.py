"""What every route of an original needs: its body, the model that is meant, and predictions in its own words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request

from app.answers import AnswerOptions
from app.compat.outputs import original_output, reads_tokens
from app.errors import InvalidParameters
from app.outcomes import recorded
from app.patience import Patience, allowed_ms
from app.prediction import PredictOptions, featurize, predict
from app.served import ServedModel
from app.service import Service
from app.wire import parse_json, require_json

OPTIONS = PredictOptions(AnswerOptions(logits=True))


def meant(service: Service, request: Request) -> ServedModel:
    """`?model=NAME`, else `compat_model`, else the only model there is. Raises InvalidParameters, UnknownModel, ..."""
    name = request.query_params.get("model") or service.settings.compat_model
    names = list(service.catalog.entries)
    if name is None and len(names) != 1:
        raise InvalidParameters(
            f"Which model is not said: set VITRINE_COMPAT_MODEL or ask /predict?model=NAME. There are: "
            f"{', '.join(names) or 'none'}."
        )
    return service.catalog.served(name or names[0])


@asynccontextmanager
async def asked(service: Service, request: Request, served: ServedModel, verb: str) -> AsyncIterator[Any]:
    """The body's JSON; the block is the request, with its deadline and its place in the metrics."""
    with recorded(service.metrics, request.scope, served.name, verb):
        async with Patience(service.settings.default_deadline_ms, allowed_ms(request.scope)) as patience:
            require_json(request.scope)
            body = parse_json(await patience.read(request.receive))
            patience.watch(request.scope, request.receive)
            yield body


async def outputs(service: Service, served: ServedModel, instances: Sequence[Any]) -> list[dict[str, Any]]:
    """What the original of the model said of each instance."""
    predictions = await predict(service, served, instances, OPTIONS)
    classifier, labels = served.classifier, served.label_set.labels
    said = [original_output(classifier.source, one, labels, multilabel=classifier.multilabel) for one in predictions]
    if not reads_tokens(classifier.source):
        return said
    features = await featurize(service, served, instances)
    tokens = await asyncio.to_thread(_tokens, served, features)
    return [output | read for output, read in zip(said, tokens, strict=True)]


def _tokens(served: ServedModel, features: Sequence[Any]) -> list[dict[str, list[Any]]]:
    from models.read_tokens import read_tokens  # noqa: PLC0415 - seconds to import; the server answers meanwhile

    return [read_tokens(served.classifier, one) for one in features]
