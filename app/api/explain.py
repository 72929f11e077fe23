"""POST /v1/models/{name}:explain."""

from __future__ import annotations

import asyncio
import gc
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


class Explainer:
    """Explanations of instances on the batcher's bulk class, whoever asks for them."""

    def __init__(self, service: Service) -> None:
        self._service = service
        batcher = service.batcher
        self._gate = SliceGate(lambda: batcher.since_interactive_s, service.lane.cores, batcher.limits.batch_tokens)
        self._explanation: Any = None
        self._works: Any = None

    async def prepare(self) -> None:
        """What explains imports the families of classifiers, which takes seconds the first time."""
        if self._explanation is None:
            self._explanation = await asyncio.to_thread(_explanation)

    async def explain(
        self, served: ServedModel, instances: Sequence[Any], parameters: ExplainParameters
    ) -> list[dict[str, Any]]:
        """An explanation for each instance and target, in order. Raises what explanation.plan and .explain do."""
        await self.prepare()
        explanation = self._explanation
        self._works = self._works or explanation.ExplainWorks(self._gate)
        options = _options(explanation, parameters)
        planned = explanation.plan(self._works, served, options, self._service.settings.max_explain_steps)
        self._check_room(served, instances)
        features = await featurize(self._service, served, instances, truncate=parameters.truncate)
        explanations: list[dict[str, Any]] = await explanation.explain(
            planned, instances, features, self._evaluate, self._gate
        )
        return explanations

    def _check_room(self, served: ServedModel, instances: Sequence[Any]) -> None:
        most = self._service.settings.max_explain_instances
        if len(instances) > most:
            raise RequestTooLarge(f"{len(instances)} instances are too many to explain at once. Send at most {most}.")
        pending = self._service.featurizer.pending_items(served.classifier)
        self._service.batcher.check_room(served.name, len(instances) + pending)

    async def _evaluate(self, work: Any, payloads: Sequence[Any], shapes: Sequence[Shape]) -> list[Any]:
        return await self._service.batcher.submit(work, payloads, shapes, Priority.BULK)


class ExplainEndpoint(PredictEndpoint):
    """As predict, on the batcher's bulk class."""

    path = EXPLAIN_PATH
    verb = "explain"

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._explainer = Explainer(service)

    async def _answer(self, name: str, scope: Scope, receive: Receive) -> dict[str, Any]:
        await self._explainer.prepare()
        async with Patience(self.service.settings.default_deadline_ms, allowed_ms(scope)) as patience:
            require_json(scope)
            body = await patience.read(receive)
            with stage("parse"):
                request = parse_explain(parse_json(body))
            if request.parameters.deadline_ms:
                patience.allow(request.parameters.deadline_ms)
            patience.watch(scope, receive)
            served = self.service.catalog.served(name)
            explanations = await self._explainer.explain(served, request.instances, request.parameters)
            scope["vitrine.log"] = {"instances": len(request.instances), "explained_by": request.parameters.method}
        return {
            "explanations": explanations,
            "model": served.name,
            "version": served.version,
            "labels_version": served.label_set.version,
        }


def _explanation() -> Any:
    import app.explanation  # noqa: PLC0415  (see where it is called)

    gc.freeze()  # it stays: a full collection that walked through it would stop the event loop for 150 ms
    return app.explanation


def _options(explanation: Any, parameters: ExplainParameters) -> Any:
    names = ("method", "target", "n_steps", "baseline", "normalize", "level", "truncate")
    return explanation.ExplainOptions(**{name: getattr(parameters, name) for name in names})
