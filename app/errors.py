"""What can go wrong in the service, and what a caller is told of it.

    ServiceError
    ├── InvalidRequest                 the request cannot be answered as it is
    │   ├── MalformedBody              it is not JSON
    │   ├── UnsupportedMedia           it is not declared as JSON
    │   ├── BodyTooLarge               it is longer than the service reads
    │   ├── BodyTimeout                it did not arrive in time
    │   ├── InvalidParameters          a field is unknown, missing or out of range
    │   ├── InvalidInstances           some instances are refused; names each
    │   ├── RequestTooLarge            more instances or tokens than one request may hold
    │   ├── TooManyLabels              more labels or examples than may be added
    │   └── IdempotencyKeyReused       another request was sent under this key
    ├── NotAllowed                     this takes a key
    │   ├── KeyMissing                 none, or none that is known
    │   ├── KeyNotEnough               one that is for something else, or other models
    │   └── AdminOff                   nobody may
    ├── UnderWay                       a request with this idempotency key has not ended yet
    ├── UnknownModel                   no model of that name
    ├── ModelUnloaded                  there is one, and it was unloaded
    ├── LoadFailed                     loading it was asked for, and its archive is not one that can be
    ├── Unavailable                    try again later
    │   ├── Overloaded                 the queue is full
    │   ├── ModelLoading               the model is not ready yet
    │   ├── ShuttingDown               the server is draining
    │   └── OutOfMemory                the device had no room for it
    ├── LabelStoreError                label versions on disk
    │   ├── UnknownVersion             no version of that number
    │   ├── VersionUnusable            its file is broken or of another archive
    │   ├── StaleVersion               another version answers by now
    │   └── StoreNotWritable           the store takes no new version
    ├── ModelFailed                    the archive could not be loaded
    ├── DeadlineExceeded               no answer in the time that the request allowed
    ├── ClientGone                     the client closed the connection; nobody reads the answer
    ├── DeviceLost                     the device needs a new process
    └── BrokenClassifier               a classifier broke its contract

`ANSWERS` is the one place where an error meets its status, code and title. Every body is an RFC 9457
problem with one more member, the string `error`, for clients that decode only that. Messages are for
the caller: what was wrong, what to do, which choices are valid; never a path or a stack trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.errors import ArchiveError, ExtensionError, InvalidInstance, LabelExists


class ServiceError(Exception):
    """`detail` is the sentence that the caller reads."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def members(self) -> Mapping[str, Any]:
        """What the problem body says beyond its detail."""
        return {}


class InvalidRequest(ServiceError):
    """The request cannot be answered as it is."""


class MalformedBody(InvalidRequest):
    pass


class UnsupportedMedia(InvalidRequest):
    pass


class BodyTooLarge(InvalidRequest):
    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is longer than {limit} bytes. Send fewer or shorter instances in one request.")


class BodyTimeout(InvalidRequest):
    def __init__(self, milliseconds: int) -> None:
        super().__init__(f"The body did not arrive within {milliseconds} ms. Send it again, faster or in parts.")


class InvalidParameters(InvalidRequest):
    pass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one instance of a request is refused."""

    index: int
    detail: str
    field: str | None = None


class InvalidInstances(InvalidRequest):
    """Some instances are refused, so the request is; each is named by its index."""

    def __init__(self, refusals: Sequence[Refusal], member: str = "instances") -> None:
        first = refusals[0]
        more = f" ({len(refusals) - 1} more are listed in `errors`.)" if len(refusals) > 1 else ""
        super().__init__(f"{member}[{first.index}]: {first.detail}{more}")
        self.refusals = refusals

    @property
    def members(self) -> Mapping[str, Any]:
        return {"errors": [{"index": one.index, "field": one.field, "detail": one.detail} for one in self.refusals]}


class RequestTooLarge(InvalidRequest):
    pass


class TooManyLabels(InvalidRequest):
    pass


class IdempotencyKeyReused(InvalidRequest):
    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another request before. Send a new key with a new request.")


class NotAllowed(ServiceError):
    """This takes a key."""


class KeyMissing(NotAllowed):
    def __init__(self) -> None:
        super().__init__("This needs a key that this server knows: Authorization: Bearer KEY.")


class KeyNotEnough(NotAllowed):
    def __init__(self, scope: str, model: str | None) -> None:
        of = f" of the model {model!r}" if model else ""
        super().__init__(f"This key does not allow {scope}{of}. Ask for one with that scope and model.")


class AdminOff(NotAllowed):
    pass


class UnderWay(ServiceError):
    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is still under way. Send it again in a moment.")


class UnknownModel(ServiceError):
    def __init__(self, name: str, available: Sequence[str]) -> None:
        choices = f"Available: {', '.join(available)}." if available else "This server has no models."
        super().__init__(f"There is no model named {name!r}. {choices}")
        self.available = available

    @property
    def members(self) -> Mapping[str, Any]:
        return {"available": list(self.available)}


class ModelUnloaded(ServiceError):
    def __init__(self, name: str) -> None:
        super().__init__(f"The model {name!r} is not loaded. POST /v2/repository/models/{name}/load loads it.")


class LoadFailed(ServiceError):
    def __init__(self, name: str, reason: str, *, answers_on: bool) -> None:
        still = " What was loaded before answers on." if answers_on else ""
        super().__init__(f"The model {name!r} could not be loaded: {reason}{still}")


class Unavailable(ServiceError):
    """Try again after `retry_after` seconds."""

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Overloaded(Unavailable):
    pass


class ModelLoading(Unavailable):
    pass


class ShuttingDown(Unavailable):
    def __init__(self) -> None:
        super().__init__("This server is shutting down. Send the request again; another replica will answer it.")


class OutOfMemory(Unavailable):
    """The device had no room for this work, twice."""

    def __init__(self) -> None:
        super().__init__("The device has no memory left for this instance. Try again later or send a shorter text.")


class LabelStoreError(ServiceError):
    """Label versions on disk."""


class UnknownVersion(LabelStoreError):
    def __init__(self, model: str, number: int | str, available: Sequence[int]) -> None:
        super().__init__(f"{model!r} has no label version {number}. Available: {', '.join(map(str, available))}.")
        self.available = available

    @property
    def members(self) -> Mapping[str, Any]:
        return {"available": list(map(str, self.available))}


class VersionUnusable(LabelStoreError):
    """A version's file is broken or of another archive; no `number` where nobody knows which it is."""

    def __init__(self, model: str, number: int | None, reason: str) -> None:
        which = "The active label version" if number is None else f"Label version {number}"
        super().__init__(f"{which} of {model!r} cannot be used. {reason}")
        self.reason = reason


class StaleVersion(LabelStoreError):
    """Another version answers by now; `active` says which."""

    def __init__(self, model: str, expected: int | str, active: int) -> None:
        super().__init__(
            f"{model!r} answers with label version {active}, not {expected} any more. Read its labels and try again."
        )
        self.active = active

    @property
    def members(self) -> Mapping[str, Any]:
        return {"active": self.active}


class StoreNotWritable(LabelStoreError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"The store takes no new label version: {reason}")


class ModelFailed(ServiceError):
    pass


class DeadlineExceeded(ServiceError):
    def __init__(self, milliseconds: int) -> None:
        super().__init__(
            f"No answer within {milliseconds} ms. Allow more with parameters.deadline_ms, or send fewer instances."
        )


class ClientGone(ServiceError):
    def __init__(self) -> None:
        super().__init__("The client closed the connection before the answer was ready.")


class DeviceLost(ServiceError):
    """A sticky device error: nothing runs on the device again in this process."""

    def __init__(self) -> None:
        super().__init__("The device failed and this server is restarting. Send the request again.")


class BrokenClassifier(ServiceError):
    """A classifier broke its contract. The detail is for the log; a caller is told only that it failed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How an error is answered. `detail` replaces the error's own sentence where that is not for callers."""

    status: int
    code: str
    title: str
    detail: str | None = None
    retry_after: int | None = None


UNEXPECTED = Answer(
    500, "internal_error", "Internal error", "The server failed on this request. Its log names the X-Request-Id."
)

ANSWERS: Mapping[type[Exception], Answer] = {
    InvalidRequest: Answer(400, "invalid_request", "Invalid request"),
    MalformedBody: Answer(400, "malformed_body", "Malformed body"),
    UnsupportedMedia: Answer(415, "unsupported_media_type", "Unsupported media type"),
    BodyTooLarge: Answer(413, "body_too_large", "Body too large"),
    BodyTimeout: Answer(408, "body_timeout", "Body timeout"),
    InvalidParameters: Answer(422, "invalid_parameters", "Invalid parameters"),
    InvalidInstances: Answer(422, "invalid_instances", "Invalid instances"),
    InvalidInstance: Answer(422, "invalid_instances", "Invalid instances"),
    ExtensionError: Answer(422, "invalid_extension", "Labels cannot be added"),
    LabelExists: Answer(409, "label_exists", "Label exists"),
    RequestTooLarge: Answer(413, "request_too_large", "Request too large"),
    TooManyLabels: Answer(413, "too_many_labels", "Too many labels"),
    IdempotencyKeyReused: Answer(422, "idempotency_key_reused", "Idempotency key reused"),
    KeyMissing: Answer(401, "unauthorized", "Unauthorized"),
    NotAllowed: Answer(403, "forbidden", "Forbidden"),
    UnderWay: Answer(409, "under_way", "Under way", retry_after=1),
    UnknownModel: Answer(404, "unknown_model", "Unknown model"),
    ModelUnloaded: Answer(404, "model_unloaded", "Model not loaded"),
    LoadFailed: Answer(422, "load_failed", "Model cannot be loaded"),
    Unavailable: Answer(503, "unavailable", "Unavailable"),
    Overloaded: Answer(429, "overloaded", "Overloaded"),
    ModelLoading: Answer(503, "model_loading", "Model loading"),
    ShuttingDown: Answer(503, "shutting_down", "Shutting down"),
    OutOfMemory: Answer(503, "out_of_memory", "Out of device memory"),
    LabelStoreError: Answer(409, "label_store_error", "Label store error"),
    UnknownVersion: Answer(404, "unknown_version", "Unknown label version"),
    VersionUnusable: Answer(409, "version_unusable", "Label version unusable"),
    StaleVersion: Answer(412, "stale_version", "Stale label version"),
    StoreNotWritable: Answer(503, "store_not_writable", "Store not writable", retry_after=60),
    ModelFailed: Answer(503, "model_failed", "Model failed to load", retry_after=60),
    ArchiveError: Answer(503, "model_failed", "Model failed to load", retry_after=60),
    DeadlineExceeded: Answer(504, "deadline_exceeded", "Deadline exceeded"),
    ClientGone: Answer(499, "client_gone", "Client closed the connection"),
    DeviceLost: Answer(503, "device_lost", "Device lost", retry_after=5),
    BrokenClassifier: UNEXPECTED,
    ServiceError: UNEXPECTED,
}

ROUTER_CODES: Mapping[int, str] = {
    400: "malformed_body",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_parameters",
}
"""Codes of the errors that the router itself raises, by status."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An RFC 9457 problem, ready to be sent."""

    status: int
    code: str
    title: str
    detail: str
    members: Mapping[str, Any] = field(default_factory=dict)
    retry_after: int | None = None

    @property
    def body(self) -> dict[str, Any]:
        return {
            "type": f"urn:vitrine:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "error": self.detail,
            **self.members,
        }


def answer_to(error: BaseException) -> Answer:
    """The table's answer to the closest class of the error."""
    for kind in type(error).__mro__:
        if kind in ANSWERS:
            return ANSWERS[kind]
    return UNEXPECTED


def problem_of(error: BaseException) -> Problem:
    answer = answer_to(error)
    return Problem(
        status=answer.status,
        code=answer.code,
        title=answer.title,
        detail=answer.detail or str(error),
        members=error.members if isinstance(error, ServiceError) else {},
        retry_after=getattr(error, "retry_after", answer.retry_after),
    )
