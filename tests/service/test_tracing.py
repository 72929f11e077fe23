"""Traces, from a real server over real OTLP: one span for each stage, in the caller's trace, without any text."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import httpx
import pytest

from tests.service.collector import Collector, attributes, collecting, failed
from tests.service.process import ROOT, ServerProcess, running
from tests.service.tiny import write_tiny

pytestmark = pytest.mark.anyio

PREDICT = "/v1/models/mood:predict"
STAGES = ("parse", "featurize", "queue", "batch", "collate", "encode", "head", "respond")
REQUEST = "POST /v1/models/{name}:predict"
SECRET = "xyzzyplugh"
UNSAMPLED = "02"
"""The lowest bit of the flags says that a trace is recorded, the next that its number is random."""


@pytest.fixture(scope="module")
def slow_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    write_tiny(folder, "mood", labels=["good", "bad"], batch_seconds=0.1)
    return folder


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector, pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield collector


@pytest.fixture(scope="module")
def traced(collector: Collector, slow_store: Path) -> Iterator[ServerProcess]:
    with running(slow_store, otlp_endpoint=collector.url) as server:
        yield server


def traceparent(*, sampled: bool = True) -> tuple[str, str]:
    """(trace id, header) of a caller."""
    trace_id = token_hex(16)
    return trace_id, f"00-{trace_id}-{token_hex(8)}-0{int(sampled)}"


def post(server: ServerProcess, *instances: str, header: str | None = None, verb: str = "predict") -> httpx.Response:
    with server.client() as client:
        headers = {"traceparent": header} if header else {}
        return client.post(f"/v1/models/mood:{verb}", json={"instances": instances}, headers=headers)


def test_a_request_is_one_trace_with_a_span_for_each_stage(traced: ServerProcess, collector: Collector) -> None:
    trace_id, header = traceparent()
    answer = post(traced, "a fine day", "b", header=header)
    spans = collector.wait_for(trace_id, REQUEST, *STAGES)
    request, batch = spans[REQUEST], spans["batch"]
    assert request.parent_span_id.hex() == header.split("-")[2]
    assert answer.headers["traceparent"] == f"00-{trace_id}-{request.span_id.hex()}-01"
    for name in ("parse", "featurize", "queue", "batch", "respond"):
        assert spans[name].parent_span_id == request.span_id, name
    for name in ("collate", "encode", "head"):
        assert spans[name].parent_span_id == batch.span_id, name
    ends = [spans[name].end_time_unix_nano for name in ("parse", "featurize", "queue", "collate", "encode", "head")]
    assert ends == sorted(ends)
    assert spans["encode"].end_time_unix_nano - spans["encode"].start_time_unix_nano >= 0.1e9
    assert request.start_time_unix_nano <= spans["parse"].start_time_unix_nano
    about = attributes(request)
    assert about["http.response.status_code"] == 200
    assert (about["vitrine.model"], about["vitrine.outcome"], about["vitrine.instances"]) == ("mood", "ok", 2)
    assert about["vitrine.request_id"] == answer.headers["x-request-id"]
    assert attributes(batch)["vitrine.batch.items"] == 2
    resources = [one.resource for export in collector.exports for one in export.resource_spans]
    assert {(a.key, a.value.string_value) for a in resources[0].attributes} >= {("service.name", "vitrine")}
    assert traced.has_logged(lambda line: line.get("trace_id") == trace_id and line["event"] == "request")


async def test_a_batch_links_to_its_requests_and_each_of_them_to_it(
    traced: ServerProcess, collector: Collector
) -> None:
    async with httpx.AsyncClient(base_url=traced.url, timeout=20) as client:

        async def ask(text: str) -> str:
            trace_id, header = traceparent()
            await client.post(PREDICT, json={"instances": [text]}, headers={"traceparent": header})
            return trace_id

        first = asyncio.create_task(ask("SLOW first"))
        await asyncio.sleep(0.3)
        traces = await asyncio.gather(*(ask("others") for _ in range(5)))
        device_is_free = collector.wait_for(await first, "encode")["encode"].end_time_unix_nano
    requests = {trace: collector.wait_for(trace, REQUEST, "queue") for trace in traces}
    (batch_id,) = {spans["queue"].links[0].span_id for spans in requests.values()}
    collector.wait(lambda: any(span.span_id == batch_id for span in collector.spans))
    (batch,) = (span for span in collector.spans if span.span_id == batch_id)
    assert {link.span_id for link in batch.links} == {spans[REQUEST].span_id for spans in requests.values()}
    assert {link.trace_id.hex() for link in batch.links} == set(traces)
    for spans in requests.values():
        assert spans["queue"].start_time_unix_nano < device_is_free <= spans["queue"].end_time_unix_nano


def test_a_failure_is_seen_and_no_span_holds_a_text(traced: ServerProcess, collector: Collector) -> None:
    trace_id, header = traceparent()
    assert post(traced, f"{SECRET} BREAK_ENCODE", header=header).status_code == 500
    spans = collector.wait_for(trace_id, REQUEST, "batch", "encode")
    for name in (REQUEST, "batch", "encode"):
        assert failed(spans[name]), name
    assert attributes(spans["encode"])["error.type"] == "IndexError"
    trace_id, header = traceparent()
    assert post(traced, SECRET, "", header=header).status_code == 422
    request = collector.wait_for(trace_id, REQUEST)[REQUEST]
    assert not failed(request)
    assert attributes(request)["vitrine.outcome"] == "invalid"
    assert not any(SECRET.encode() in body for body in collector.bodies)


def test_explanations_are_traced(traced: ServerProcess, collector: Collector) -> None:
    trace_id, header = traceparent()
    assert post(traced, f"a fine {SECRET}", header=header, verb="explain").status_code == 200
    collector.wait_for(trace_id, "POST /v1/models/{name}:explain", "parse", "featurize", "queue", "collate", "respond")
    assert not any(SECRET.encode() in body for body in collector.bodies)


def test_a_caller_that_does_not_trace_is_not_traced(traced: ServerProcess, collector: Collector) -> None:
    quiet, header = traceparent(sampled=False)
    assert post(traced, "a", header=header).headers["traceparent"][-1] in UNSAMPLED
    loud, header = traceparent()
    post(traced, "a", header=header)
    collector.wait_for(loud, REQUEST, *STAGES)
    assert collector.trace(quiet) == []


@pytest.mark.parametrize("header", ["nonsense", "00-0-0-01", f"00-{'0' * 32}-{'0' * 16}-01", "\xff" * 600])
def test_a_header_that_names_no_trace_begins_one(traced: ServerProcess, collector: Collector, header: str) -> None:
    with traced.client() as client:
        sent = [(b"traceparent", header.encode("latin-1"))]
        answer = client.post(PREDICT, json={"instances": ["a"]}, headers=sent)
    assert answer.status_code == 200
    collector.wait_for(answer.headers["traceparent"].split("-")[1], REQUEST, *STAGES)


def test_a_share_of_the_requests_is_traced(slow_store: Path, collector: Collector) -> None:
    with running(slow_store, otlp_endpoint=f"{collector.url}/v1/traces", trace_ratio=0) as server:
        assert post(server, "a").headers["traceparent"][-1] in UNSAMPLED
        trace_id, header = traceparent()
        post(server, "a", header=header)
        server.terminate()
        assert server.exit_status() == 0
    assert set(STAGES) < {span.name for span in collector.trace(trace_id)}, "what was left is sent at the end"


def test_nobody_traces_unless_asked_to(client: httpx.Client) -> None:
    _, header = traceparent()
    answer = client.post(PREDICT, json={"instances": ["a"]}, headers={"traceparent": header})
    assert answer.status_code == 200
    assert "traceparent" not in answer.headers


def test_the_extra_is_imported_where_traces_are_made_and_nowhere_else() -> None:
    importing = {
        (path.name, line.startswith(" "))
        for path in (ROOT / "app").rglob("*.py")
        for line in path.read_text().splitlines()
        if re.match(r"\s*(from|import) (opentelemetry|app\.tracing)\b", line)
    }
    assert importing == {("tracing.py", False), ("service.py", True)}


def test_without_the_extra_the_setting_says_what_to_do(tmp_path: Path) -> None:
    hidden = "import sys; from importlib.machinery import PathFinder as P; find = P.find_spec; "
    hidden += "P.find_spec = lambda name, *a: None if name == 'opentelemetry.sdk' else find(name, *a); "
    code = hidden + "from app.settings import Settings; Settings()"
    environment = {**os.environ, "VITRINE_OTLP_ENDPOINT": "http://localhost:4318"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert "make install-otel" in done.stderr


def test_requests_in_tensors_are_traced_too(traced: ServerProcess, collector: Collector) -> None:
    trace_id, header = traceparent()
    tensors = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a fine day"]}]}
    with traced.client() as client:
        assert client.post("/v2/models/mood/infer", json=tensors, headers={"traceparent": header}).status_code == 200
    collector.wait_for(trace_id, "POST /v2/models/{name}/infer", *STAGES)
