"""Where an explanation takes long, a few points of a curve tell it: looked at first, and later all in one pass."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from app import explain_slices
from app.batch import Shape
from app.curve_work import AlongWork, CurvedEndsWork, CurvedWholeWork, FinerLookWork
from app.explain_work import EndsWork, ExplainWorks
from app.explanation import ExplainOptions, explain, plan
from app.served import ServedModel
from app.slice_gate import SliceGate
from app.spreading import Spreading
from app.usual_level import FEW
from models.classifier import Classifier
from models.curve import FIRST_LEVEL, SMOOTH, Curve
from models.loading import load_classifier
from tests.oracle.oracles import CARRIED

SMOOTH_AT_ONCE = "biome_v33_text_word_transformers_mix"
BENT = "biome_sequence_classifier_single"
TEXTS = ["a few words about it", "words", "and some more of them than before"]


@pytest.fixture(autouse=True)
def all_of_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain_slices, "WORTH_LOOKING_S", 0.0)


class Explained:
    """Explains by one server's works, and keeps what they ran."""

    def __init__(self, name: str, since_prediction: float = math.inf) -> None:
        self.classifier: Classifier = load_classifier(CARRIED / f"{name}.tar.gz", hub=CARRIED / "hub")
        self._served = ServedModel("it", self.classifier, self.classifier.label_set, Spreading(token_s=1e-6))
        self._gate = SliceGate(lambda: since_prediction)
        self._works = ExplainWorks(self._gate)
        self.ran: list[Any] = []

    async def _evaluate(self, work: Any, payloads: Sequence[Any], shapes: Sequence[Shape]) -> list[Any]:
        self.ran.append(work)
        return list(work.run(work.collate(payloads)))

    def __call__(self, *texts: str, **options: Any) -> list[dict[str, Any]]:
        self.ran.clear()
        self.planned = plan(self._works, self._served, ExplainOptions(**options), 1000)
        features = [self.classifier.featurize(text) for text in texts]
        return asyncio.run(explain(self.planned, texts, features, self._evaluate, self._gate))

    def usually_needs(self, points: int) -> None:
        usual = plan(self._works, self._served, ExplainOptions(), 1000).work.usual
        for _ in range(FEW):
            usual.observe(Curve(torch.empty(points, 1), SMOOTH))
        assert usual.level == points

    @property
    def kinds(self) -> list[type]:
        return [type(work) for work in self.ran]


def attributions(answers: Sequence[dict[str, Any]]) -> list[float]:
    return [part["attribution"] for answer in answers for part in answer["attributions"]]


def by_every_step(monkeypatch: pytest.MonkeyPatch, name: str, *texts: str, **options: Any) -> list[dict[str, Any]]:
    with monkeypatch.context() as undone:
        undone.setattr(explain_slices, "WORTH_LOOKING_S", math.inf)
        return Explained(name)(*texts, **options)


def test_what_looks_have_taught_is_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Explained(SMOOTH_AT_ONCE)
    for text in TEXTS + TEXTS[:1]:
        told(text)
        assert told.kinds == [CurvedEndsWork, AlongWork]
        assert told.ran[0].level == FIRST_LEVEL
    answers = told(*TEXTS)
    assert told.kinds == [CurvedWholeWork] * len(TEXTS)
    assert {work.level for work in told.ran} == {told.planned.work.usual.level}
    wanted = by_every_step(monkeypatch, SMOOTH_AT_ONCE, *TEXTS)
    assert attributions(answers) == pytest.approx(attributions(wanted), abs=1e-5)
    for one, other in zip(answers, wanted, strict=True):
        assert one["target"] == other["target"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-6)


def test_a_label_that_is_named_is_told_in_one_pass_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Explained(SMOOTH_AT_ONCE)
    told.usually_needs(9)
    for label in told.classifier.label_set.labels:
        answers = told(*TEXTS, target=label)
        assert told.kinds == [CurvedWholeWork] * len(TEXTS)
        wanted = by_every_step(monkeypatch, SMOOTH_AT_ONCE, *TEXTS, target=label)
        assert attributions(answers) == pytest.approx(attributions(wanted), abs=1e-5)


def test_every_label_is_told_from_one_look() -> None:
    told = Explained(SMOOTH_AT_ONCE)
    told.usually_needs(7)
    told(TEXTS[0], target="all")
    assert told.kinds == [CurvedEndsWork, *[AlongWork] * len(told.classifier.label_set.labels)]
    assert told.ran[0].level == 7


def test_what_is_not_smooth_at_the_usual_level_gets_more_points(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Explained(BENT)
    told.usually_needs(5)
    answers = told(TEXTS[2])
    assert told.kinds[:2] == [CurvedWholeWork, FinerLookWork]
    assert not [work for work in told.ran[2:] if isinstance(work, CurvedWholeWork)]
    wanted = by_every_step(monkeypatch, BENT, TEXTS[2])
    assert attributions(answers) == pytest.approx(attributions(wanted), abs=1e-5)


@pytest.mark.parametrize(("pace", "kinds"), [(1e-5, [CurvedWholeWork]), (1e-3, [CurvedEndsWork, AlongWork])])
def test_beside_predictions_one_pass_is_no_longer_than_a_slice(pace: float, kinds: list[type]) -> None:
    told = Explained(SMOOTH_AT_ONCE, since_prediction=0.0)
    told.usually_needs(9)
    along = plan(told._works, told._served, ExplainOptions(), 1000).work.pace.along
    for _ in range(5):
        along.observe(100, 100 * pace)
    told(TEXTS[0])
    assert list(dict.fromkeys(told.kinds)) == kinds


def test_fewer_steps_than_points_are_taken_one_by_one() -> None:
    told = Explained(SMOOTH_AT_ONCE, since_prediction=0.0)
    told.usually_needs(9)
    told(TEXTS[0], n_steps=9)
    assert told.kinds[0] is EndsWork
    told(TEXTS[0], n_steps=10)
    assert told.kinds == [CurvedWholeWork]


def test_more_steps_are_told_from_the_same_points() -> None:
    told = Explained(SMOOTH_AT_ONCE)
    told.usually_needs(9)
    (answer,) = told(TEXTS[0], n_steps="auto")
    assert told.kinds == [CurvedWholeWork, *[AlongWork] * (len(told.kinds) - 1)]
    assert answer["n_steps"] == 25 * 2 ** (len(told.kinds) - 1)
