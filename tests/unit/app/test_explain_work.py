"""How slices of explanations go to the cores."""

from typing import Any

import pytest

from app.cost import WARM_UP_BATCHES
from app.explain_work import ExplainWork
from app.pace import Pace
from app.slice_gate import ALONE_S, SliceGate
from app.sliced_work import AMORTIZED, EVERY_CORE, Slice
from app.spreading import ONE_THREAD
from models.classifier import Features
from models.curve import FIRST_LEVEL
from models.explain_methods import METHODS

TOKENS = 500


@pytest.mark.parametrize(
    ("since_prediction", "took", "spread"),
    [(60.0, 0.001, ONE_THREAD), (60.0, 0.005, EVERY_CORE), (0.1, 0.005, ONE_THREAD), (0.1, 0.03, EVERY_CORE)],
)
def test_beside_predictions_only_long_batches_take_a_second_core(since_prediction, took, spread) -> None:
    served: Any = None  # none of it is asked
    pace = Pace()
    for _ in range(1 + WARM_UP_BATCHES):
        pace.observe(TOKENS, took)
    work = ExplainWork(served, METHODS["integrated_gradients"], "pad", pace, SliceGate(lambda: since_prediction))
    assert work.spreading.of(4, TOKENS) == spread


@pytest.mark.parametrize(("since_prediction", "amortized"), [(60.0, True), (0.1, False)])
def test_while_nobody_predicts_a_batch_is_worth_its_overhead(since_prediction, amortized) -> None:
    served: Any = None
    pace, overhead, per_token = Pace(), 0.05, 1e-5
    for tokens in (1000, 1000, 1000, 2000, 4000, 8000):
        pace.observe(tokens, overhead + tokens * per_token)
    work = ExplainWork(served, METHODS["integrated_gradients"], "pad", pace, SliceGate(lambda: since_prediction))
    assert work.most_tokens == pytest.approx(AMORTIZED * overhead / per_token if amortized else ALONE_S / per_token)


def test_points_of_curves_have_a_pace_of_their_own() -> None:
    """At each of the few the head is asked about every step: as steps of a path they would seem slow."""
    served: Any = None
    work = ExplainWork(served, METHODS["integrated_gradients"], "pad", Pace(), SliceGate())
    along, before = work.along[FIRST_LEVEL], work.pace.seconds_per_token
    assert work.curved_wholes[FIRST_LEVEL].pace is along.pace
    for _ in range(1 + WARM_UP_BATCHES):
        along.ran([Slice(Features({}, ((1, 10),)), FIRST_LEVEL)], 1.0)
    assert along.pace.seconds_per_token == pytest.approx(1.0 / (10 * FIRST_LEVEL))
    assert work.pace.seconds_per_token == before
