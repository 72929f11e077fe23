import inspect

import pytest

from app import errors
from app.errors import ANSWERS, UNEXPECTED, InvalidInstances, Refusal, ServiceError, answer_to, problem_of
from models import errors as model_errors
from models.errors import BrokenArchive

DOMAIN_ERRORS = [
    error
    for module in (errors, model_errors)
    for _, error in inspect.getmembers(module, inspect.isclass)
    if issubclass(error, ServiceError | model_errors.ModelError)
    and error not in {ServiceError, model_errors.ModelError}
]


@pytest.mark.parametrize("error", DOMAIN_ERRORS, ids=lambda error: error.__name__)
def test_every_error_is_in_the_tree_and_has_its_answer(error):
    drawn = (errors.__doc__ or "") + (model_errors.__doc__ or "")
    assert error.__name__ in drawn
    assert any(kind in ANSWERS for kind in error.__mro__ if kind is not ServiceError)


def test_a_code_has_one_status():
    pairs = {(answer.code, answer.status) for answer in ANSWERS.values()}
    assert len({code for code, _ in pairs}) == len(pairs)


def test_a_problem_has_the_members_of_rfc_9457_and_error():
    body = problem_of(InvalidInstances([Refusal(3, "too short", "text"), Refusal(5, "empty")])).body
    assert body["status"] == 422
    assert body["error"] == body["detail"]
    assert "instances[3]: too short" in body["detail"]
    assert [error["index"] for error in body["errors"]] == [3, 5]


def test_what_is_not_foreseen_says_nothing_of_itself():
    for error in (ValueError("/secret/path"), errors.BrokenClassifier("/secret/path")):
        assert answer_to(error) is UNEXPECTED
        assert "/secret" not in str(problem_of(error).body)


def test_an_archive_error_is_the_models_fault_not_the_callers():
    assert problem_of(BrokenArchive("reviews", "weights.th", "is damaged")).status == 503
