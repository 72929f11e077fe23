"""The document says what the server does: checked by requests made from the document, valid and not."""

import shutil
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.api.documentation import PREDICT_STATUSES
from app.errors import ANSWERS, answer_to
from app.main import create_app
from app.settings import Settings
from tests.service.process import running
from tests.service.tiny import load_tiny

load_all_checks()

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
EXPECTED_OVER_499 = {503: {"model_failed"}, 504: {"deadline_exceeded"}}
"""Of a store with a broken archive, and for requests that allow themselves 1 ms."""


@pytest.fixture(scope="module")
def api(store, tmp_path_factory):
    own = tmp_path_factory.mktemp("open")
    shutil.copytree(store, own, dirs_exist_ok=True)
    with running(own, allow_unauthenticated_admin=True) as server:
        yield schemathesis.openapi.from_url(f"{server.url}/openapi.json")


VALID, INVALID = GenerationMode.POSITIVE, GenerationMode.NEGATIVE

CASES = [
    ("POST", "/v1/models/{name}:predict", VALID, 300),
    ("POST", "/v1/models/{name}:predict", INVALID, 300),
    ("POST", "/v1/models/{name}:explain", VALID, 150),
    ("POST", "/v1/models/{name}:explain", INVALID, 150),
    ("POST", "/v1/models/{name}/labels", VALID, 100),
    ("POST", "/v1/models/{name}/labels", INVALID, 150),
    ("POST", "/v1/models/{name}/versions/{version}:activate", VALID, 60),
    ("POST", "/v1/models/{name}/versions/{version}:activate", INVALID, 60),
    ("POST", "/v2/models/{name}/infer", VALID, 60),
    ("POST", "/v2/models/{name}/infer", INVALID, 60),
    ("POST", "/v2/models/{name}/versions/{version}/infer", VALID, 15),
    ("POST", "/v2/repository/index", VALID, 30),
    ("POST", "/v2/repository/index", INVALID, 30),
    ("POST", "/v2/repository/models/{name}/unload", VALID, 3),
    ("POST", "/v2/repository/models/{name}/unload", INVALID, 15),
    ("POST", "/v2/repository/models/{name}/load", INVALID, 15),
    ("POST", "/v2/repository/models/{name}/load", VALID, 3),
    ("GET", "/v2", VALID, 5),
    ("GET", "/v2/models", VALID, 5),
    ("GET", "/v2/models/stats", VALID, 5),
    ("GET", "/v2/models/{name}", VALID, 20),
    ("GET", "/v2/models/{name}/ready", VALID, 20),
    ("GET", "/v2/models/{name}/config", VALID, 20),
    ("GET", "/v2/models/{name}/stats", VALID, 20),
    ("GET", "/v2/models/{name}/versions/{version}", VALID, 20),
    ("GET", "/v1/models/{name}/labels", VALID, 40),
    ("GET", "/v1/models/{name}/versions", VALID, 40),
    ("GET", "/v1/models/{name}", VALID, 40),
    ("GET", "/v1/models", VALID, 5),
    ("GET", "/", VALID, 5),
    ("GET", "/v2/health/live", VALID, 5),
    ("GET", "/v2/health/ready", VALID, 5),
    ("GET", "/health/startup", VALID, 5),
    ("GET", "/metrics", VALID, 5),
]


@pytest.mark.parametrize(("method", "path", "mode", "examples"), CASES, ids=str)
def test_no_request_gets_an_answer_that_is_not_documented(api, method, path, mode, examples):
    check(api, method, path, mode, examples)


@pytest.mark.long
@pytest.mark.parametrize(("method", "path", "mode", "examples"), CASES, ids=str)
def test_none_of_many_requests_does(api, method, path, mode, examples):
    check(api, method, path, mode, 10 * examples)


def check(api, method, path, mode, examples):
    operation = api[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def conforms(case):
        if method == "POST" and case.path_parameters:
            case.path_parameters["name"] = "topics" if "repository" in path else "mood"
        response = case.call()
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 500:
            assert response.json()["code"] in EXPECTED_OVER_499[response.status_code], response.text

    conforms()


def document() -> dict:
    return create_app(Settings(store=Path("store")), load=load_tiny).openapi()


def test_every_error_of_the_table_is_documented_where_it_can_be_met():
    paths = document()["paths"]
    statuses = {answer.status for answer in ANSWERS.values()} - {499}
    extend = {int(status) for status in paths["/v1/models/{name}/labels"]["post"]["responses"]}
    assert statuses <= extend
    predict = {int(status) for status in paths["/v1/models/{name}:predict"]["post"]["responses"]}
    assert set(PREDICT_STATUSES) <= predict
    assert statuses - predict == {401, 403, 409, 412}


def test_every_reference_of_the_document_resolves():
    whole = document()
    schemas = whole["components"]["schemas"]

    def references(node):
        if isinstance(node, dict):
            yield from ([node["$ref"]] if "$ref" in node else [])
            node = list(node.values())
        if isinstance(node, list):
            for child in node:
                yield from references(child)

    found = set(references(whole))
    assert found
    assert {reference.rpartition("/")[2] for reference in found} <= set(schemas)


def test_operation_ids_are_stable_and_distinct():
    operations = [operation for path in document()["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    assert {"predict", "list_models", "get_model", "live", "ready", "startup", "metrics"} <= set(ids)


def test_an_error_of_no_class_of_ours_is_a_500():
    assert answer_to(ZeroDivisionError()).status == 500
