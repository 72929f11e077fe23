"""Wire types of explanations."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.schemas import Strict, parse_request

MethodName = Literal[
    "integrated_gradients",
    "saliency",
    "input_x_gradient",
    "smoothgrad",
    "occlusion",
    "allennlp",
    "allennlp_simple",
    "biome",
]


class ExplainParameters(Strict):
    method: MethodName = Field(
        "integrated_gradients",
        description="allennlp, allennlp_simple and biome are the originals' own, for the archives that they wrote.",
    )
    target: str | None = Field(
        None, description='The label to explain, or "all" for each; the predicted one where not given.'
    )
    n_steps: int | Literal["auto"] | None = Field(
        None, description='Gradients along the path; "auto" doubles them until they add up to 5% of the difference.'
    )
    baseline: Literal["pad", "zero", "mask"] | None = Field(
        None, description="What says nothing: padding (where not given), zeros, or the model's mask token."
    )
    normalize: Literal["none", "l1", "l2"] = Field("none", description="What the attributions are divided by.")
    level: Literal["token", "word", "field"] = Field("token", description="What gets one attribution.")
    truncate: bool = Field(True, description="Cut inputs to what the model reads, with a warning; false refuses them.")
    deadline_ms: int | None = Field(
        None,
        ge=1,
        le=3_600_000,
        description="How long the answer is worth waiting for, in ms from the request's start.",
    )


class ExplainRequest(Strict):
    instances: list[Any] = Field(
        min_length=1,
        description="As for predict.",
        json_schema_extra={"items": {"anyOf": [{"type": "string"}, {"type": "object"}]}},
    )
    parameters: ExplainParameters = Field(default_factory=ExplainParameters)


class Attribution(BaseModel):
    text: str
    start: int | None = Field(None, description="Character offset in the instance's own value at `field`.")
    end: int | None = Field(None, description="None, as start, for what the model added.")
    field: str = Field(description="The input, with the keys that lead to the value.")
    attribution: float


class Explanation(BaseModel):
    instance: int = Field(description="Number of the instance in the request.")
    target: str
    score: float = Field(ge=0, le=1)
    method: str
    n_steps: int | None
    delta: float | None = Field(description="What the attributions lack to the score's difference from the baseline's.")
    attributions: list[Attribution] = Field(description="In the order in which the model reads.")
    warnings: list[str]


class ExplainResponse(BaseModel):
    explanations: list[Explanation] = Field(description="One for each instance and target, in order.")
    model: str
    version: str
    labels_version: int


def parse_explain(data: object) -> ExplainRequest:
    """Raises InvalidParameters, which lists what is accepted."""
    return parse_request(ExplainRequest, {"parameters": ExplainParameters}, data)
