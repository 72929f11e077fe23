import math
import random

import pytest

from app.cost import WARM_UP_BATCHES, BatchCost


def learnt(overhead, per_token, sizes, noise=0.0, slow_start=1.0):
    rng, cost = random.Random(2), BatchCost()
    for _ in range(WARM_UP_BATCHES):
        cost.observe(10, slow_start)
    for size in sizes:
        cost.observe(size, (overhead + per_token * size) * rng.uniform(1 - noise, 1 + noise))
    return cost


def test_two_sizes_are_enough_and_a_slow_start_does_not_count():
    assert learnt(0.003, 0.0001, [10, 640]).overhead_tokens == pytest.approx(30)


@pytest.mark.parametrize(("overhead", "per_token"), [(0.003, 0.0001), (0.0003, 1e-6), (0.01, 1e-6)])
def test_noise_leaves_the_order_of_magnitude(overhead, per_token):
    rng = random.Random(1)
    sizes = [round(2 ** rng.uniform(3, 14)) for _ in range(200)]
    found = learnt(overhead, per_token, sizes, noise=0.1).overhead_tokens / (overhead / per_token)
    assert 0.25 < found < 4


def test_what_is_known_is_kept_while_all_batches_are_alike():
    sizes = [10, 640] + [100] * 500
    assert learnt(0.003, 0.0001, sizes).overhead_tokens == pytest.approx(30, rel=0.2)


def test_nothing_is_known_at_first_or_where_tokens_cost_nothing():
    assert math.isinf(learnt(0.003, 0.0001, []).overhead_tokens)
    assert learnt(0.003, 0.0, [10, 640, 20, 500]).overhead_tokens > 100_000


def test_the_seconds_of_a_token_are_those_beyond_the_overhead():
    assert learnt(0.003, 0.0001, [10, 640]).seconds_per_token == pytest.approx(0.0001)


def test_batches_of_one_size_cannot_tell_a_token_from_the_overhead():
    assert learnt(0.003, 0.0001, [100] * 9).seconds_per_token == pytest.approx(0.00013)
    assert learnt(0.003, 0.0001, []).seconds_per_token == 0
