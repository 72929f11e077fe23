"""Wire types of label sets and their versions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.schemas import Strict, parse_request

MAX_REASON_CHARS = 1_000
MAX_ANCHORS = 20_000


class Example(Strict):
    instance: Any = Field(
        description="As for predict.", json_schema_extra={"anyOf": [{"type": "string"}, {"type": "object"}]}
    )
    label: str | list[str] = Field(
        description="A label, old or new; of a multi-label model the list of all labels that it has."
    )


class ExtendRequest(Strict):
    labels: list[str] = Field(min_length=1, description="The new labels, in order.")
    examples: list[Example] = Field(
        default_factory=list, description="Of new labels, and of old ones: they say what must stay as it is."
    )
    dry_run: bool = Field(False, description="Report what would happen and change nothing.")
    prior: float | None = Field(
        None, gt=0, le=0.5, description="What the probability of a label without examples is at most; 0.001."
    )
    l2: float | None = Field(
        None, gt=0, description="How strongly a new row is held to saying nothing; an example counts 1. 0.005."
    )
    anchors: int | None = Field(
        None,
        ge=0,
        le=MAX_ANCHORS,
        description="Made-up instances that stand for the old labels; 1500, and 0 makes none.",
    )
    reason: str = Field("", max_length=MAX_REASON_CHARS, description="Why, for the record.")
    deadline_ms: int | None = Field(None, ge=1, le=3_600_000, description="How long the answer is worth waiting for.")


class LabelSetAnswer(BaseModel):
    model: str
    version: str
    labels_version: int
    labels: list[str] = Field(description="In the order of the head's rows.")


class LabelReport(BaseModel):
    label: str
    new: bool
    support: int = Field(description="Examples that have it.")
    accuracy: float | None = Field(description="Of saying that it is there, or that it is not.")
    precision: float | None
    recall: float | None


class OldLabelsReport(BaseModel):
    support: int
    before: float = Field(description="Accuracy of the label set as it was.")
    after: float = Field(description="Accuracy as extended, on examples that it did not learn from.")


class ConfusionReport(BaseModel):
    labels: list[str]
    counts: list[list[int]] = Field(description="counts[i][j] examples of labels[i] were taken for labels[j].")


class Report(BaseModel):
    """By cross-validation: every figure is of examples that were held out."""

    examples: int
    anchors: int
    folds: int
    accuracy: float | None
    labels: list[LabelReport]
    old_labels: OldLabelsReport | None
    anchors_taken: float | None
    confusion: ConfusionReport | None
    warnings: list[str]


class ExtendAnswer(LabelSetAnswer):
    added: list[str]
    dry_run: bool
    report: Report


class VersionAnswer(BaseModel):
    version: int
    state: Literal["ok", "unpublished", "foreign", "broken"]
    active: bool
    labels: list[str] | None = None
    parent: int | None = None
    created: str | None = None
    author: str | None = None
    reason: str | None = None
    problem: str | None = Field(None, description="Why it cannot be used.")


class VersionsAnswer(BaseModel):
    model: str
    active: int
    versions: list[VersionAnswer] = Field(description="1 is the label set of the archive itself.")


def parse_extend(data: object) -> ExtendRequest:
    """Raises InvalidParameters, which lists what is accepted."""
    return parse_request(ExtendRequest, {"examples": Example}, data)
