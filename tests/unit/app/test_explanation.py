"""What explanations ask the lane for, and that it does not matter for their answers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from app import explanation, pace
from app.batch import Shape
from app.errors import InvalidInstances
from app.explain_slices import Slicer
from app.explain_work import EndsWork, ExplainWork, ExplainWorks, WholeWork
from app.explanation import ExplainOptions, explain, plan
from app.served import ServedModel
from app.slice_gate import SliceGate
from app.spreading import Spreading
from app.usual_level import FEW
from models.curve import FIRST_LEVEL, SMOOTH, Curve
from models.errors import InvalidInstance
from models.explanations import method_for
from models.loading import load_classifier
from tests.oracle.oracles import CARRIED

CLASSIFIER = load_classifier(CARRIED / "biome_sequence_classifier_single.tar.gz")
TEXTS = ["a few words about it", "words", "and some more of them than before"]
IN_SLICES = 20
"""Tokens that a batch holds: so few that no explanation is one slice."""
MANY = 10**6
METHOD = "integrated_gradients"


@pytest.fixture(autouse=True)
def a_model_known_to_be_fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "unknown" not in request.node.name:
        monkeypatch.setattr(pace, "FIRST_PACE", 5e-6)


def slicer_of(
    text: str,
    gate: SliceGate,
    seconds_per_token: float | None = None,
    beside: Slicer | None = None,
    predicting: float = 0.0,
) -> Slicer:
    served = ServedModel("it", CLASSIFIER, CLASSIFIER.label_set, Spreading(token_s=predicting))
    work = beside._work if beside else ExplainWorks(gate).of(served, method_for(CLASSIFIER, METHOD), "pad")
    for _ in range(5 if seconds_per_token else 0):
        work.pace.observe(100, 100 * seconds_per_token)
    return Slicer(work, CLASSIFIER.featurize(text), Asked().evaluate, gate)


LONG = "great food " * 30


def test_of_an_unknown_model_not_all_of_a_long_text_is_one_slice() -> None:
    assert slicer_of("great food", SliceGate()).is_slice(50)
    assert not slicer_of(LONG, SliceGate()).is_slice(50)
    assert slicer_of(LONG, SliceGate(), 5e-6).is_slice(50)


def test_what_an_unknown_model_takes_is_guessed_from_its_predictions() -> None:
    assert slicer_of(LONG, SliceGate()).look_level(50) is None
    assert slicer_of(LONG, SliceGate(), predicting=3e-5).look_level(50) == FIRST_LEVEL
    assert slicer_of(LONG, SliceGate(), predicting=3e-7).look_level(50) is None


def test_what_takes_long_is_looked_at_first() -> None:
    assert slicer_of(LONG, SliceGate(), 1e-4).look_level(50) == FIRST_LEVEL
    assert slicer_of(LONG, SliceGate(), 1e-4).look_level(FIRST_LEVEL) is None
    assert slicer_of(LONG, SliceGate(), 1e-6).look_level(50) is None


@pytest.mark.parametrize(("since_prediction", "level"), [(math.inf, FIRST_LEVEL), (0.0, None)])
def test_a_long_text_of_a_large_model_is_looked_at_while_nobody_predicts(
    since_prediction: float, level: int | None
) -> None:
    assert slicer_of(LONG, SliceGate(lambda: since_prediction), 4e-4).look_level(50) == level


def test_what_is_too_long_for_the_usual_points_begins_with_every_second() -> None:
    slicer = slicer_of(LONG, SliceGate(), 4e-4)
    needing(13, slicer)
    assert slicer.look_level(50) == 13
    assert slicer_of(3 * LONG, SliceGate(), 4e-4, slicer).look_level(50) == 7


def needing(level: int, slicer: Slicer) -> None:
    for _ in range(FEW):
        slicer._work.usual.observe(Curve(torch.empty(level, 1), SMOOTH))


class Asked:
    """Runs what is asked of the lane, and keeps it."""

    def __init__(self, broken: Sequence[str] = ()) -> None:
        self.works: list[Any] = []
        self._broken = [CLASSIFIER.featurize(text).shape for text in broken]

    async def evaluate(self, work: Any, payloads: Sequence[Any], shapes: Sequence[Shape]) -> list[Any]:
        self.works.append(work)
        rows = work.run(work.collate(payloads))
        refused = [one.features.shape in self._broken for one in payloads]
        return [InvalidInstance("No.") if broken else row for broken, row in zip(refused, rows, strict=True)]

    @property
    def kinds(self) -> list[type]:
        return [type(work) for work in self.works]

    def explain(self, texts: Sequence[str], batch_tokens: int = MANY, **options: Any) -> list[dict[str, Any]]:
        served, gate = ServedModel("it", CLASSIFIER, CLASSIFIER.label_set), SliceGate(most_tokens=batch_tokens)
        planned = plan(ExplainWorks(gate), served, ExplainOptions(**options), 1000)
        features = [CLASSIFIER.featurize(text) for text in texts]
        return asyncio.run(explain(planned, texts, features, self.evaluate, gate))


LABELS = CLASSIFIER.label_set.labels


@pytest.mark.parametrize("target", [None, *LABELS])
@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "occlusion", "allennlp"])
def test_what_is_one_slice_is_asked_for_at_once(method: str, target: str | None) -> None:
    whole, sliced = Asked(), Asked()
    at_once = whole.explain(TEXTS, method=method, target=target)
    in_slices = sliced.explain(TEXTS, IN_SLICES, method=method, target=target)
    assert whole.kinds == [WholeWork] * len(TEXTS)
    assert sliced.kinds[0] is EndsWork
    assert set(sliced.kinds[1:]) == {ExplainWork}
    for one, other in zip(at_once, in_slices, strict=True):
        assert one["target"] == other["target"] == (target or one["target"])
        assert one["score"] == pytest.approx(other["score"], abs=1e-6)  # other batches are rounded in another way
        assert [part["attribution"] for part in one["attributions"]] == pytest.approx(
            [part["attribution"] for part in other["attributions"]], abs=1e-5
        )


def test_for_every_label_the_ends_are_found_once() -> None:
    asked = Asked()
    answers = asked.explain(TEXTS[:1], target="all")
    assert asked.kinds == [EndsWork, *[ExplainWork] * len(LABELS)]
    alone = [Asked().explain(TEXTS[:1], target=label)[0] for label in LABELS]
    for one, other in zip(answers, alone, strict=True):
        assert one["target"] == other["target"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-6)  # of a batch of another size
        assert one["delta"] == pytest.approx(other["delta"], abs=1e-5)


def test_steps_that_were_not_enough_are_not_told_with_the_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explanation, "AUTO_STEPS", 1)
    monkeypatch.setattr(explanation, "AUTO_TOLERANCE", 1e-4)
    asked = Asked()
    (auto,) = asked.explain(TEXTS[:1], n_steps="auto")
    assert asked.kinds[0] is WholeWork
    assert set(asked.kinds[1:]) == {ExplainWork}
    assert auto["n_steps"] == 2 ** (len(asked.kinds) - 1)
    (same,) = Asked().explain(TEXTS[:1], n_steps=auto["n_steps"])
    assert auto["delta"] == pytest.approx(same["delta"], abs=1e-6)


def test_where_many_are_under_way_the_ends_come_first() -> None:
    """They wait in the batcher's queue, which is bounded; the gate's line is not."""
    asked, gate = Asked(), SliceGate()
    planned = plan(ExplainWorks(gate), ServedModel("it", CLASSIFIER, CLASSIFIER.label_set), ExplainOptions(), 1000)
    features = [CLASSIFIER.featurize(TEXTS[0])]

    async def beside_others() -> list[dict[str, Any]]:
        async with gate.hold(0.6 * gate.allowed), gate.hold(0.1 * gate.allowed):
            return await explain(planned, TEXTS[:1], features, asked.evaluate, gate)

    (answer,) = asyncio.run(beside_others())
    assert asked.kinds == [EndsWork, ExplainWork]
    assert answer["score"] == Asked().explain(TEXTS[:1])[0]["score"]


def test_many_instances_of_one_request_are_many_under_way() -> None:
    asked = Asked()
    answers = asked.explain(TEXTS * 60)
    assert asked.kinds[0] is EndsWork
    assert set(asked.kinds[1:]) == {ExplainWork}
    assert [answer["instance"] for answer in answers] == list(range(180))


def test_every_instance_without_an_answer_is_named() -> None:
    with pytest.raises(InvalidInstances) as raised:
        Asked(broken=TEXTS[1:]).explain(TEXTS)
    assert [refusal.index for refusal in raised.value.refusals] == [1, 2]


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("biome_sequence_classifier_single", True),
        ("allennlp210_cnn", False),
        ("biome_biome_bimpm_single", False),
        ("biome_v33_pair_fwd_bwd", False),
        ("biome_sequence_classifier_record", True),
    ],
)
def test_texts_of_any_length_share_a_batch_where_they_are_walked_through(name: str, packed: bool) -> None:
    classifier = load_classifier(CARRIED / f"{name}.tar.gz")
    works = ExplainWorks(SliceGate())
    planned = plan(works, ServedModel("it", classifier, classifier.label_set), ExplainOptions(), 1000)
    assert planned.work.whole.packed is packed
