"""POST /v1/models/{name}:explain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.types import Receive, Scope

from app.api.native import PredictEndpoint
from app.batch import Priority, Shape
from app.errors import RequestTooLarge
from app.explain_schemas import ExplainParameters, parse_explain
from app.patience import Patience, allowed_ms
from app.prediction import featurize
from app.served import ServedModel
from app.service import Service
from app.slice_gate import SliceGate
from app.stages import stage
from app.wire import parse_json, require_json

EXPLAIN_PATH = "/v1/models/{name}:explain"


class ExplainEndpoint(PredictEndpoint):
    """As predict, on the batcher's bulk class."""

    path = EXPLAIN_PATH
    verb = "explain"

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._gate = SliceGate(lambda: service.batcher.since_interactive_s)
        self._works: Any = None

    async def _answer(self, name: str, scope: Scope, receive: Receive) -> dict[str, Any]:
        # What explains imports the families of classifiers, which takes seconds the first time.
        explanation = await asyncio.to_thread(_explanation)
        settings = self.service.settings
        async with Patience(settings.default_deadline_ms, allowed_ms(scope)) as patience:
            require_json(scope)
            body = await patience.read(receive)
            with stage("parse"):
                request = parse_explain(parse_json(body))
            if request.parameters.deadline_ms:
                patience.allow(request.parameters.deadline_ms)
            patience.watch(receive)
            served = self.service.catalog.served(name)
            self._works = self._works or explanation.ExplainWorks()
            options = _options(explanation, request.parameters)
            planned = explanation.plan(self._works, served, options, settings.max_explain_steps)
            instances = request.instances
            self._check_room(served, instances)
            features = await featurize(self.service, served, instances, truncate=request.parameters.truncate)
            explanations = await explanation.explain(planned, instances, features, self._evaluate, self._gate)
            scope["vitrine.log"] = {"instances": len(instances), "explained_by": request.parameters.method}
        return {
            "explanations": explanations,
            "model": served.name,
            "version": served.version,
            "labels_version": served.label_set.version,
        }

    def _check_room(self, served: ServedModel, instances: Sequence[Any]) -> None:
        most = self.service.settings.max_explain_instances
        if len(instances) > most:
            raise RequestTooLarge(f"{len(instances)} instances are too many to explain at once. Send at most {most}.")
        pending = self.service.featurizer.pending_items(served.classifier)
        self.service.batcher.check_room(served.name, len(instances) + pending)

    async def _evaluate(self, work: Any, payloads: Sequence[Any], shapes: Sequence[Shape]) -> list[Any]:
        return await self.service.batcher.submit(work, payloads, shapes, Priority.BULK)


def _explanation() -> Any:
    import app.explanation  # noqa: PLC0415  (see where it is called)

    return app.explanation


def _options(explanation: Any, parameters: ExplainParameters) -> Any:
    names = ("method", "target", "n_steps", "baseline", "normalize", "level", "truncate")
    return explanation.ExplainOptions(**{name: getattr(parameters, name) for name in names})
