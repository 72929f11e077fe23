"""The demo training: learns for real, repeats itself, writes what serving loads."""

from dataclasses import replace
from io import StringIO

import pytest
import torch
from rich.console import Console

from app.demo.corpora.rows import generator
from app.demo.datasets import load_rows
from app.demo.recipes import RECIPES
from app.demo.store import make_demo_store
from app.demo.training import (
    bucketed,
    build_vocabulary,
    examples_of,
    fit,
    one_thread,
    train,
    untrained,
)
from models.classifier import probabilities
from models.loading import load_classifier

BY_NAME = {recipe.name: recipe for recipe in RECIPES}
QUICK = replace(BY_NAME["similar-prices"], epochs=3)


def quiet():
    return Console(file=StringIO())


def answers(classifier, rows, recipe):
    batch = classifier.collate([classifier.featurize(recipe.instance(row)) for row in rows])
    with torch.inference_mode():
        return probabilities(classifier.label_set.head(classifier.encode(batch)), classifier.multilabel)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "store"
    results = make_demo_store(folder, console=quiet(), recipes=[QUICK])
    return folder, results


def test_the_archive_answers_as_reported(store):
    folder, [result] = store
    classifier = load_classifier(folder / "similar-prices.tar.gz")
    rows = load_rows("product_prices", "validation")
    predicted = answers(classifier, rows, QUICK).argmax(dim=-1).tolist()
    right = sum(classifier.label_set.labels[index] == row["label"] for index, row in zip(predicted, rows, strict=True))
    assert right / len(rows) == pytest.approx(result.accuracy)
    assert (result.train_size, result.validation_size) == (2200, len(rows))


def test_a_short_training_beats_guessing(store):
    _, [result] = store
    assert result.accuracy > 0.65  # the most frequent label alone gives about 0.5


def test_only_archives_are_left_in_the_store(store):
    folder, _ = store
    assert [path.name for path in folder.iterdir()] == ["similar-prices.tar.gz"]


def test_the_same_seed_gives_the_same_weights():
    short = replace(QUICK, epochs=1)
    first, second, other = (train(short, seed=seed).classifier.model.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_training_leaves_threads_and_random_numbers_as_they_were():
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    expected = torch.random.get_rng_state()
    train(replace(QUICK, epochs=1))
    assert torch.equal(torch.random.get_rng_state(), expected)
    assert torch.get_num_threads() == threads


def test_threads_come_back_after_a_failure():
    threads = torch.get_num_threads()
    with pytest.raises(RuntimeError), one_thread():
        raise RuntimeError
    assert torch.get_num_threads() == threads


def test_an_interrupted_run_leaves_no_model(tmp_path):
    broken = replace(QUICK, name="broken", dataset="no_such_data")
    with pytest.raises(FileNotFoundError):
        make_demo_store(tmp_path / "store", console=quiet(), recipes=[replace(QUICK, epochs=1), broken])
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_reads_every_row(recipe):
    rows = {
        split: [row for row in load_rows(recipe.dataset, split) if recipe.label in row]
        for split in ("train", "validation")
    }
    classifier = untrained(recipe, build_vocabulary(recipe, rows["train"], rows["validation"]))
    assert set(classifier.label_set.labels) == {row[recipe.label] for split in rows.values() for row in split}
    assert classifier.padding_safe
    for row in rows["validation"]:
        classifier.featurize(recipe.instance(row))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_one_step_of_training_moves_every_weight_that_is_used(recipe):
    short = replace(recipe, epochs=1, batch_size=FEW)
    splits = [
        [row for row in load_rows(recipe.dataset, split) if recipe.label in row] for split in ("train", "validation")
    ]
    with torch.random.fork_rng(devices=[]):
        classifier = untrained(short, build_vocabulary(short, *splits))
        before = {name: tensor.clone() for name, tensor in classifier.model.state_dict().items()}
        fit(short, classifier, examples_of(short, classifier, splits[0][:FEW]), generator(1), lambda _: None)
    after = classifier.model.state_dict()
    moved = [name for name in after if not torch.equal(after[name], before[name])]
    assert any("embedding" in name or "embedder" in name for name in moved)
    assert len(moved) > 0.8 * len(after)
    assert all(torch.isfinite(tensor).all() for tensor in after.values())


FEW = 64


def test_single_word_names_are_answered():
    recipe = BY_NAME["business-names"]
    rows = [load_rows(recipe.dataset, split) for split in ("train", "validation")]
    classifier = untrained(recipe, build_vocabulary(recipe, *rows))
    assert answers(classifier, [{"text": "Pizzeria"}], recipe).shape == (1, 10)


def test_phone_numbers_are_no_words_of_the_duplicates_model():
    recipe = BY_NAME["duplicates"]
    vocabulary = build_vocabulary(recipe, *[load_rows(recipe.dataset, split) for split in ("train", "validation")])
    assert not [word for word in vocabulary["tokens"] if word.isdigit() and len(word) > 4]


def test_batches_hold_every_example_once_and_like_lengths_together(store):
    import random

    folder, _ = store
    classifier = load_classifier(folder / "similar-prices.tar.gz")
    rows = load_rows("product_prices", "validation")
    from app.demo.training import Example

    examples = [Example(classifier.featurize(QUICK.instance(row)), index) for index, row in enumerate(rows)]
    batches = bucketed(examples, 32, random.Random(0))
    assert sorted(example.label for batch in batches for example in batch) == list(range(len(rows)))
    bucketed_padding = sum(classifier.collate([e.features for e in batch]).padded_tokens for batch in batches)
    in_order = [examples[start : start + 32] for start in range(0, len(examples), 32)]
    assert bucketed_padding < 0.8 * sum(classifier.collate([e.features for e in b]).padded_tokens for b in in_order)
