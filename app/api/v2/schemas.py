"""Wire types of the Open Inference Protocol, as far as a text classifier needs them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.schemas import Strict, parse_request

ContentType = Literal["text", "json"]
CONTENT_TYPE = "What an element is: text, or JSON. The model's metadata says what it is where this is not given."


class InferParameters(Strict):
    timeout: int | None = Field(None, ge=0, description="Microseconds that the answer is worth waiting for; 0 is none.")
    priority: int = Field(0, ge=0, description="0 and 1 are interactive; more goes behind all of those.")
    binary_data_output: bool = Field(False, description="Binary outputs, where one does not say otherwise itself.")
    truncate: bool = Field(True, description="Cut inputs to what the model reads, with a warning; false refuses them.")
    content_type: ContentType | None = Field(None, description=CONTENT_TYPE)


class InputParameters(Strict):
    binary_data_size: int | None = Field(None, ge=0, description="Bytes of this input behind the JSON.")
    content_type: ContentType | None = Field(None, description=CONTENT_TYPE)


class InputTensor(Strict):
    name: str
    shape: list[int] = Field(description="[instances], or [instances, 1].", json_schema_extra={"example": [1]})
    datatype: str = Field(description="BYTES.", json_schema_extra={"example": "BYTES"})
    data: list[Any] | None = Field(None, description="Strings, flat or in the tensor's shape; none where binary.")
    parameters: InputParameters = Field(default_factory=InputParameters)


class OutputParameters(Strict):
    binary_data: bool | None = Field(None, description="Behind the JSON of the answer rather than in it.")
    classification: int = Field(
        0, ge=0, description='Of `probabilities`: so many "score:index:label" strings, best first, in its place.'
    )


class RequestedOutput(Strict):
    name: str
    parameters: OutputParameters = Field(default_factory=OutputParameters)


class InferRequest(Strict):
    id: str | None = Field(None, description="Comes back in the answer.")
    model_name: str | None = Field(None, description="Some clients repeat it; the path decides.")
    inputs: list[InputTensor] = Field(min_length=1)
    outputs: list[RequestedOutput] | None = Field(None, description="All where not given.")
    parameters: InferParameters = Field(default_factory=InferParameters)


class OutputTensor(BaseModel):
    name: str
    datatype: str
    shape: list[int]
    data: list[Any] | None = None
    parameters: dict[str, int] | None = None


class InferResponse(BaseModel):
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]
    parameters: dict[str, str] | None = Field(None, description="`warnings`, where there are any.")


class ServerMetadata(BaseModel):
    name: str
    version: str
    extensions: list[str]


class ModelNames(BaseModel):
    models: list[str]


class TensorMetadata(BaseModel):
    name: str
    datatype: str
    shape: list[int] = Field(description="-1 is the number of instances.")
    parameters: dict[str, Any] | None = Field(None, description="An input's content_type; a probability's labels.")


class ModelMetadata(BaseModel):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReady(BaseModel):
    name: str
    ready: bool


class ConfigTensor(BaseModel):
    name: str
    data_type: str
    dims: list[int]
    optional: bool | None = None


class ModelConfig(BaseModel):
    name: str
    platform: str
    backend: str
    max_batch_size: int = Field(description="0: the dims are whole, the number of instances included.")
    input: list[ConfigTensor]
    output: list[ConfigTensor]
    dynamic_batching: dict[str, Any]
    parameters: dict[str, dict[str, str]]


class Duration(BaseModel):
    count: int
    ns: int


class InferenceStatistics(BaseModel):
    """Requests for `success`, `fail` and `compute_input` (featurizing); batches for `queue` and `compute_infer`."""

    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration
    cache_hit: Duration
    cache_miss: Duration


class BatchStatistics(BaseModel):
    batch_size: int
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


class ModelStatistics(BaseModel):
    name: str
    version: str
    last_inference: int = Field(description="Milliseconds since the epoch; 0 before the first.")
    inference_count: int = Field(description="Instances that were answered.")
    execution_count: int = Field(description="Batches that ran.")
    inference_stats: InferenceStatistics
    batch_stats: list[BatchStatistics]


class Statistics(BaseModel):
    model_stats: list[ModelStatistics]


class IndexRequest(Strict):
    ready: bool = Field(False, description="Only models that answer.")


class IndexEntry(BaseModel):
    name: str
    version: str | None = None
    state: Literal["READY", "LOADING", "UNAVAILABLE"]
    reason: str | None = None


class ChangeParameters(Strict):
    unload_dependents: bool = Field(False, description="No model depends on another here.")


class ChangeRequest(Strict):
    parameters: ChangeParameters = Field(default_factory=ChangeParameters)


def parse_infer(data: object) -> InferRequest:
    """Raises InvalidParameters, which lists what is accepted."""
    members: dict[str, type[BaseModel]] = {
        "inputs": InputTensor,
        "inputs.parameters": InputParameters,
        "outputs": RequestedOutput,
        "outputs.parameters": OutputParameters,
        "parameters": InferParameters,
    }
    return parse_request(InferRequest, members, data)
