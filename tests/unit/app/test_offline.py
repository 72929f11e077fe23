import json
import random

import pytest
import torch

from app.answers import AnswerOptions
from app.offline import WINDOW_LINES, OfflinePredictor
from tests.service.offline import offline_scores, wire_scores
from tests.service.tiny import TinyClassifier


@pytest.fixture
def classifier():
    return TinyClassifier(["good", "bad", "so-so"], multilabel=False, seed=0, batch_seconds=0, example="x")


def predictor(classifier, **options):
    return OfflinePredictor(classifier, torch.device("cpu"), options=AnswerOptions(), **options)


def test_answers_are_in_the_order_of_the_lines_and_the_same_as_one_by_one(classifier):
    rng = random.Random(5)
    texts = [" ".join(rng.choices("abcdefgh", k=rng.randint(1, 40))) for _ in range(300)]
    answers = list(predictor(classifier, batch_tokens=200).predict(json.dumps(text) for text in texts))
    for text, answer in zip(texts, answers, strict=True):
        assert wire_scores(answer) == pytest.approx(offline_scores(classifier, text), abs=1e-5)


def test_a_bad_line_is_an_error_in_its_place(classifier):
    lines = ['"fine"', "{nonsense", "", '""', "3", '"BREAK_ENCODE"', '"NO_ANSWER"', '{"text": "fine"}']
    answers = list(predictor(classifier).predict(lines))
    assert ["error" in answer for answer in answers] == [False, True, True, True, True, True, False]
    assert answers[0] == answers[-1]


def test_lines_are_answered_before_the_input_ends(classifier):
    def endless():
        while True:
            yield '"fine"'

    answers = predictor(classifier).predict(endless())
    assert [next(answers)["label"] for _ in range(WINDOW_LINES + 1)]
