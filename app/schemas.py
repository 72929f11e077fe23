"""Wire types of the native API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import InvalidParameters


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PredictParameters(Strict):
    top_k: int | None = Field(None, ge=1, description="How many labels to list, best first; all where not given.")
    logits: bool = Field(False, description="Give the logit of each listed label too.")
    truncate: bool = Field(True, description="Cut inputs to what the model reads, with a warning; false refuses them.")
    deadline_ms: int | None = Field(
        None,
        ge=1,
        le=3_600_000,
        description="How long the answer is worth waiting for, in ms from the request's start.",
    )
    priority: Literal["interactive", "bulk"] = Field(
        "interactive", description="bulk goes behind all interactive work."
    )


class PredictRequest(Strict):
    instances: list[Any] = Field(
        min_length=1,
        description="Each a string or an object; GET /v1/models/{name} says which names.",
        json_schema_extra={"items": {"anyOf": [{"type": "string"}, {"type": "object"}]}},
    )
    parameters: PredictParameters = Field(default_factory=PredictParameters)


class LabelScore(BaseModel):
    label: str
    score: float = Field(ge=0, le=1)
    logit: float | None = Field(None, description="Only with parameters.logits.")


class Prediction(BaseModel):
    label: str
    score: float = Field(ge=0, le=1)
    labels: list[str] | None = Field(None, description="Labels above 0.5; only of a multi-label model.")
    scores: list[LabelScore] = Field(description="Highest score first, ties in the model's order of labels.")
    warnings: list[str]


class PredictResponse(BaseModel):
    predictions: list[Prediction] = Field(description="One for each instance, in order.")
    model: str
    version: str
    labels_version: int


class ModelSource(BaseModel):
    library: str
    versions: str
    architecture: str


class ModelSummary(BaseModel):
    name: str
    ready: bool
    state: Literal["LOADING", "READY", "FAILED", "UNLOADED"]
    reason: str | None = Field(None, description="Why it failed.")


class ModelDetails(ModelSummary):
    kind: str | None = Field(None, description="text, pair, record, record_pair or document.")
    multilabel: bool | None = None
    labels: list[str] | None = None
    version: str | None = None
    labels_version: int | None = None
    inputs: list[str] | None = Field(None, description="Names of the inputs of an instance.")
    instance_schema: dict[str, Any] | None = Field(None, description="JSON Schema of one instance.")
    example: dict[str, Any] | None = Field(None, description="An instance that is valid.")
    text_input: str | None = Field(None, description="The input that a plain string stands for.")
    explain_methods: list[str] | None = Field(None, description="The methods of explanation that it accepts.")
    source: ModelSource | None = None
    precision: str | None = Field(None, description="What its encoder computes in: fp32 or bf16.")
    engine: str | None = Field(None, description="What runs its encoder: torch or openvino.")
    parameters: int | None = Field(None, description="How many weights it has.")
    size_bytes: int | None = Field(None, description="What its weights take on the device.")


class ModelList(BaseModel):
    models: list[ModelSummary]


class Alive(BaseModel):
    status: Literal["alive"]


class Live(BaseModel):
    live: bool


class Ready(BaseModel):
    ready: bool


class RefusedInstance(BaseModel):
    index: int
    field: str | None
    detail: str


class Problem(BaseModel):
    """RFC 9457, and `error` for clients that decode only that."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    error: str
    request_id: str | None = None
    available: list[str] | None = Field(
        None, description="The models, or versions, there are, where the named one is not."
    )
    active: int | None = Field(None, description="The label version that answers, where another one was expected.")
    errors: list[RefusedInstance] | None = Field(None, description="The instances that are refused.")


def parse_predict(data: object) -> PredictRequest:
    """Raises InvalidParameters, which lists what is accepted."""
    return parse_request(PredictRequest, {"parameters": PredictParameters}, data)


Parsed = TypeVar("Parsed", bound=BaseModel)


def parse_request(request: type[Parsed], members: Mapping[str, type[BaseModel]], data: object) -> Parsed:
    """A body; `members` are the models of those of its members that are objects, or lists of them, as `outer.inner`.

    Raises InvalidParameters, which lists what is accepted.
    """
    try:
        return request.model_validate(data)
    except ValidationError as error:
        sentences = (_sentence(one, request, members) for one in error.errors()[:MAX_SENTENCES])
        raise InvalidParameters(" ".join(sentences)) from None


MAX_SENTENCES = 10


def _sentence(error: Any, request: type[BaseModel], members: Mapping[str, type[BaseModel]]) -> str:
    place = ".".join(str(part) for part in error["loc"]) or "The body"
    names = [part for part in error["loc"] if isinstance(part, str)]
    if error["type"] == "extra_forbidden":
        names.pop()
    model = members.get(".".join(names), request)
    if error["type"] == "extra_forbidden":
        return f"{place} is not known. Accepted: {', '.join(model.model_fields)}."
    if error["type"] == "missing":
        return f"{place} is missing."
    if error["type"] == "model_type":
        return f"{place} must be an object with {', '.join(model.model_fields)}."
    return f"{place}: {error['msg']}."
