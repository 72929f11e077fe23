from __future__ import annotations

import pytest

from app.bench.expected import Answer, Expected, Verdict

EXPECTED = Expected([{"a": 0.7, "b": 0.3}, {"a": 0.50001, "b": 0.49999}])


def test_the_offline_models_label_is_right_and_scores_are_held_against_it() -> None:
    assert EXPECTED.check(range(1), [Answer("a", 0.7)]) == Verdict(1, 0, 0.0)
    assert EXPECTED.check(range(1), [Answer("b", 0.3)]) == Verdict(1, 1, 0.0)
    assert EXPECTED.check(range(1), [Answer("a", 0.6)]).delta == pytest.approx(0.1)


def test_of_labels_as_likely_as_each_other_either_is_right() -> None:
    assert EXPECTED.check(range(1, 2), [Answer("b", 0.49999)]).other_labels == 0


def test_a_label_that_the_model_does_not_have_is_wrong() -> None:
    assert EXPECTED.check(range(1), [Answer("c", 0.7)]).other_labels == 1


def test_an_answer_too_few_is_an_error() -> None:
    with pytest.raises(ValueError, match="1 answers came for 2 instances"):
        EXPECTED.check(range(2), [Answer("a", 0.7)])


def test_verdicts_add_up() -> None:
    total = Verdict(4, 1, 0.5).times(2) + Verdict(2, 0, 0.7)
    assert total == Verdict(10, 2, 0.7)
    assert total.agreement == 0.8
