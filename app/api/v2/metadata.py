"""What the server and its models are: GET /v2, /v2/models, /v2/models/{name}, .../ready and .../config."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.documentation import problems
from app.api.v2.infer import served_version
from app.api.v2.inputs import inputs_of
from app.api.v2.outputs import output_metadata
from app.api.v2.schemas import (
    ConfigTensor,
    ModelConfig,
    ModelMetadata,
    ModelNames,
    ModelReady,
    ServerMetadata,
    TensorMetadata,
)
from app.served import ServedModel
from app.service import Service

EXTENSIONS = [
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "schedule_policy",
    "statistics",
]
PLATFORM = "vitrine"
DATA_TYPES = {"BYTES": "TYPE_STRING", "FP32": "TYPE_FP32"}
READ = problems(404, 500, 503)


def metadata_router(service: Service, version: str) -> APIRouter:
    router = APIRouter(tags=["open inference protocol"])

    @router.get("/v2", operation_id="v2_server", responses=problems(500))
    async def server() -> ServerMetadata:
        """The server, and the extensions of the protocol that it has."""
        return ServerMetadata(name="vitrine", version=version, extensions=EXTENSIONS)

    @router.get("/v2/models", operation_id="v2_models", responses=problems(500))
    async def models() -> ModelNames:
        """The models of this server."""
        return ModelNames(models=list(service.catalog.entries))

    @router.get("/v2/models/{name}/ready", operation_id="v2_model_ready", responses=READ)
    async def ready(name: str) -> ModelReady:
        """Whether a model answers."""
        return ModelReady(name=served_version(service, name, None).name, ready=True)

    @router.get("/v2/models/{name}/versions/{version}/ready", operation_id="v2_version_ready", responses=READ)
    async def version_ready(name: str, version: str) -> ModelReady:
        """Whether a version of a model answers."""
        return ModelReady(name=served_version(service, name, version).name, ready=True)

    @router.get("/v2/models/{name}/config", operation_id="v2_config", response_model_exclude_none=True, responses=READ)
    async def config(name: str) -> ModelConfig:
        """What Triton's clients call a model's configuration."""
        return _config(service, served_version(service, name, None))

    @router.get(
        "/v2/models/{name}/versions/{version}/config",
        operation_id="v2_version_config",
        response_model_exclude_none=True,
        responses=READ,
    )
    async def version_config(name: str, version: str) -> ModelConfig:
        """As without a version, which has to be the one that answers."""
        return _config(service, served_version(service, name, version))

    @router.get("/v2/models/{name}", operation_id="v2_metadata", response_model_exclude_none=True, responses=READ)
    async def metadata(name: str) -> ModelMetadata:
        """Inputs and outputs of a model."""
        return _metadata(served_version(service, name, None))

    @router.get(
        "/v2/models/{name}/versions/{version}",
        operation_id="v2_version_metadata",
        response_model_exclude_none=True,
        responses=READ,
    )
    async def version_metadata(name: str, version: str) -> ModelMetadata:
        """As without a version, which has to be the one that answers."""
        return _metadata(served_version(service, name, version))

    return router


def _metadata(served: ServedModel) -> ModelMetadata:
    inputs = [
        TensorMetadata(name=one.name, datatype="BYTES", shape=[-1], parameters={"content_type": one.content_type})
        for one in inputs_of(served.classifier.inputs)
    ]
    return ModelMetadata(
        name=served.name,
        versions=[served.version],
        platform=PLATFORM,
        inputs=inputs,
        outputs=output_metadata(served.label_set.labels),
    )


def _config(service: Service, served: ServedModel) -> ModelConfig:
    limits = service.batcher.limits
    source = served.classifier.source
    about = {"architecture": source.architecture, "library": source.library, "kind": served.classifier.kind}
    return ModelConfig(
        name=served.name,
        platform=PLATFORM,
        backend=PLATFORM,
        max_batch_size=0,
        input=[
            ConfigTensor(name=one.name, data_type=DATA_TYPES["BYTES"], dims=[-1], optional=one.optional)
            for one in inputs_of(served.classifier.inputs)
        ],
        output=[
            ConfigTensor(name=one.name, data_type=DATA_TYPES[one.datatype], dims=one.shape)
            for one in output_metadata(served.label_set.labels)
        ],
        dynamic_batching={
            "preferred_batch_size": [limits.batch_items],
            "max_queue_delay_microseconds": round(limits.wait_s * 1e6),
        },
        parameters={name: {"string_value": value} for name, value in about.items()},
    )
