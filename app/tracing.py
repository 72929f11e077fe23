"""OpenTelemetry traces, sent over OTLP/HTTP: one span for each stage, the caller's trace continued.

    request (server) ── parse, featurize, queue, respond
       └── batch ── collate, encode, head           in the trace of its oldest request, with links to all of them

`queue` links to the batch that ended it, so that every request leads to its batch. A span holds names, numbers and
times; never an instance, nor the words of an error, which may quote one.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.batch import Batch
from app.batching import Execute
from app.middleware import UNMATCHED, route_template
from app.settings import Settings
from app.stages import TIMED

log = structlog.get_logger(__name__)

TRACES_PATH = "/v1/traces"
EXPORT_TIMEOUT_S = 3
LAST_EXPORTS_S = 2
"""At the end: after that long no further batch of spans is sent."""
TRACEPARENT = b"traceparent"
W3C = TraceContextTextMapPropagator()


class Trace:
    """A request or a batch that is traced: its span, and the spans of its stages below it."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self.tracer = tracer
        self.span = span
        self.context = set_span_in_context(span)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        with ended(self.tracer.start_span(name, self.context)):
            yield

    def record(self, name: str, start_ns: int, end_ns: int, error: str | None = None) -> None:
        span = self.tracer.start_span(name, self.context, start_time=start_ns)
        if error:
            _fail(span, error)
        span.end(end_ns)


@contextmanager
def ended(span: Span) -> Iterator[None]:
    """The span ends with the block, and says which kind of error did."""
    try:
        yield
    except BaseException as error:
        _fail(span, type(error).__qualname__)
        raise
    finally:
        span.end()


def _fail(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


class Exporter(OTLPSpanExporter):
    """The queue may hold several batches at the end, and each may wait for a collector that is gone."""

    gives_up_at = math.inf

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if time.monotonic() < self.gives_up_at:
            return super().export(spans)
        log.warning("spans not sent in time", spans=len(spans))
        return SpanExportResult.FAILURE


class Tracing:
    """What makes traces and sends them."""

    def __init__(self, settings: Settings) -> None:
        names = {SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", "vitrine"), SERVICE_VERSION: version("vitrine")}
        self._exporter = Exporter(endpoint=_traces_url(str(settings.otlp_endpoint)), timeout=EXPORT_TIMEOUT_S)
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)),
            resource=Resource.create(names),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self.tracer = self._provider.get_tracer("vitrine")

    def traced(self, execute: Execute) -> Execute:
        """`execute` with a span for each batch that holds a traced request."""

        async def traced_execute(batch: Batch) -> Sequence[Any]:
            requests = {item.request: item.request.timed for item in batch.items}
            traces = [timed for timed in requests.values() if isinstance(timed, Trace)]
            if not traces:
                TIMED.set(None)  # this task began in the context of any request
                return await execute(batch)
            trace = self._begin_batch(batch, traces)
            self._end_queues(batch, trace.span)
            TIMED.set(trace)
            with ended(trace.span):
                return await execute(batch)

        return traced_execute

    def _begin_batch(self, batch: Batch, traces: Sequence[Trace]) -> Trace:
        span = self.tracer.start_span(
            "batch",
            traces[0].context,
            links=[Link(trace.span.get_span_context()) for trace in traces],
            attributes={
                "vitrine.model": getattr(batch.work, "name", ""),
                "vitrine.batch.items": len(batch.items),
                "vitrine.batch.tokens": batch.padded_tokens,
                "vitrine.batch.real_tokens": batch.real_tokens,
                "vitrine.batch.priority": batch.priority.value,
            },
        )
        return Trace(self.tracer, span)

    def _end_queues(self, batch: Batch, span: Span) -> None:
        """The wait of each request, which nobody watched, as a span of its trace."""
        now, clock = time.time_ns(), time.monotonic()
        link = Link(span.get_span_context())
        for request in {item.request: None for item in batch.items}:
            if isinstance(request.timed, Trace):
                since = now - int((clock - request.arrived) * 1e9)
                self.tracer.start_span("queue", request.timed.context, links=[link], start_time=since).end(now)

    def middleware(self, app: ASGIApp) -> TraceRequests:
        return TraceRequests(app, self.tracer)

    def close(self) -> None:
        """Sends what is left; gives up after a few seconds where nobody takes it."""
        self._exporter.gives_up_at = time.monotonic() + LAST_EXPORTS_S
        self._provider.shutdown()


class TraceRequests:
    """ASGI middleware: a server span for each request to a model. Answers name it in `traceparent`."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self.app = app
        self.tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        span = self.tracer.start_span("POST", _caller(scope), SpanKind.SERVER)
        trace = Trace(self.tracer, span)
        named: dict[str, str] = {}
        W3C.inject(named, trace.context)

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (TRACEPARENT, named["traceparent"].encode())]
                _describe(span, scope, message["status"])
                scope.setdefault("vitrine.log", {})["trace_id"] = f"{span.get_span_context().trace_id:032x}"
            await send(message)

        TIMED.set(trace if span.is_recording() else None)
        with ended(span):
            await self.app(scope, receive, send_named)


def _describe(span: Span, scope: Scope, status: int) -> None:
    span.set_attributes({"http.request.method": "POST", "http.response.status_code": status})
    span.set_attribute("vitrine.request_id", scope.get("vitrine.request_id", ""))
    if (route := route_template(scope)) != UNMATCHED:
        span.update_name(f"POST {route}")
        span.set_attribute("http.route", route)
    for name, value in scope.get("vitrine.log", {}).items():
        if isinstance(value, str | int | float):
            span.set_attribute(f"vitrine.{name}", value)
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))


def _caller(scope: Scope) -> Context:
    """The trace that the request belongs to; an empty context where it names none that can be read."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return W3C.extract(headers, Context())


def _traces_url(endpoint: str) -> str:
    """A collector's address alone gets the path that the protocol gives it."""
    return endpoint if urlsplit(endpoint).path.strip("/") else endpoint.rstrip("/") + TRACES_PATH
