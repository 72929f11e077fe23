"""The demo's business names learn two new categories from 20 examples each, and keep what they knew."""

import statistics

import pytest

from app.demo.recipes import RECIPES
from app.demo.training import train
from benchmarks.labels import Experiment

DRAWS = range(4)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    [recipe] = [recipe for recipe in RECIPES if recipe.name == "business-names"]
    train(recipe).write(folder)
    return Experiment(folder / "business-names.tar.gz")


@pytest.mark.parametrize("old_examples", [0, 40])
def test_new_labels_are_learned_and_old_ones_kept(experiment, old_examples):
    draws = [experiment.ours(seed, old_examples=old_examples) for seed in DRAWS]
    assert statistics.mean(draw.new for draw in draws) >= 80
    assert statistics.mean(draw.old for draw in draws) >= experiment.before() - 1


def test_the_first_rows_of_each_label_teach_as_well(experiment):
    draw = experiment.natural()
    assert draw.new >= 80
    assert draw.old >= experiment.before() - 1


def test_a_layer_drawn_anew_forgets_what_it_knew(experiment):
    assert all(experiment.layer_drawn_anew(seed).old < 40 for seed in DRAWS)
