"""What models have done since they were loaded: GET /v2/models/stats and /v2/models/{name}/stats."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.documentation import problems
from app.api.v2.infer import served_version
from app.api.v2.schemas import BatchStatistics, Duration, InferenceStatistics, ModelStatistics, Statistics
from app.served import ServedModel
from app.service import Service
from app.statistics import Total

READ = problems(404, 500, 503)
NONE = Duration(count=0, ns=0)


def statistics_router(service: Service) -> APIRouter:
    router = APIRouter(tags=["open inference protocol"])

    @router.get("/v2/models/stats", operation_id="v2_all_statistics", responses=problems(500))
    async def all_statistics() -> Statistics:
        """Of every model that answers."""
        served = [entry.served for entry in service.catalog.entries.values() if entry.served]
        return Statistics(model_stats=[_of(service, one) for one in served])

    @router.get("/v2/models/{name}/stats", operation_id="v2_statistics", responses=READ)
    async def statistics(name: str) -> Statistics:
        """Of one model."""
        return Statistics(model_stats=[_of(service, served_version(service, name, None))])

    @router.get("/v2/models/{name}/versions/{version}/stats", operation_id="v2_version_statistics", responses=READ)
    async def version_statistics(name: str, version: str) -> Statistics:
        """As without a version, which has to be the one that answers."""
        return Statistics(model_stats=[_of(service, served_version(service, name, version))])

    return router


def _of(service: Service, served: ServedModel) -> ModelStatistics:
    tally = service.metrics.tallies[served.name]
    batches = Total(tally.executions, sum(total.seconds for total in tally.batches.values()))
    return ModelStatistics(
        name=served.name,
        version=served.version,
        last_inference=round(tally.last_request * 1000),
        inference_count=tally.instances,
        execution_count=tally.executions,
        inference_stats=InferenceStatistics(
            success=_duration(tally.succeeded),
            fail=_duration(tally.failed),
            queue=_duration(tally.queued),
            compute_input=_duration(service.metrics.featurized(served.name)),
            compute_infer=_duration(batches),
            compute_output=NONE,
            cache_hit=NONE,
            cache_miss=NONE,
        ),
        batch_stats=[
            BatchStatistics(batch_size=size, compute_input=NONE, compute_infer=_duration(total), compute_output=NONE)
            for size, total in sorted(tally.batches.items())
        ],
    )


def _duration(total: Total) -> Duration:
    return Duration(count=total.count, ns=total.nanoseconds)
