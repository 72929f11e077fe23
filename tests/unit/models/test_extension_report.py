"""The report says what the extension does to examples that did not teach it."""

import dataclasses
import json

import pytest
import torch

from models.errors import ExtensionError
from models.extend import fit
from models.extension_report import fold_numbers, report
from tests.unit.models.test_extend import as_lists, examples, inputs, label_set

NEW = ["new0", "new1"]


def scores(told):
    return {one.label: one for one in told.labels}


def test_well_separated_labels_are_recognised_when_held_out():
    vectors, targets = examples(count=60)
    told = report(label_set(scale=0.1), NEW, vectors, targets)
    assert {name: one.support for name, one in scores(told).items()} == {"new0": 20, "new1": 20, "old1": 20}
    assert [one.label for one in told.labels] == ["new0", "new1", "old1"]
    assert [one.new for one in told.labels] == [True, True, False]
    for name in NEW:
        assert scores(told)[name].recall >= 0.9
        assert scores(told)[name].precision >= 0.9
        assert scores(told)[name].accuracy >= 0.9
    assert told.examples == 60


def test_labels_that_cannot_be_told_apart_are_reported_so():
    """In-sample every one of them would be right: 60 points in 200 dimensions."""
    vectors = torch.randn(60, 200, generator=torch.Generator().manual_seed(3))
    targets = [NEW[index % 2] for index in range(60)]
    old = label_set(dim=200, scale=0.01)
    head = fit(old, NEW, vectors, targets).head
    assert (head(vectors).argmax(dim=1) == torch.tensor([5 + index % 2 for index in range(60)])).all()
    assert 0.25 <= report(old, NEW, vectors, targets).accuracy <= 0.75


def test_counts_of_the_confusion_table_are_the_examples():
    vectors, targets = examples(count=60)
    told = report(label_set(), NEW, vectors, targets)
    rows = dict(zip(told.confusion.labels, told.confusion.counts, strict=True))
    assert [sum(rows[name]) for name in ("old1", "new0", "new1")] == [20, 20, 20]
    right = sum(row[column] for column, row in enumerate(told.confusion.counts))
    assert right / 60 == pytest.approx(told.accuracy)
    assert all(scores(told)[name].recall == rows[name][told.confusion.labels.index(name)] / 20 for name in NEW)


def test_what_cannot_be_learned_from_is_named_by_its_own_place():
    vectors, targets = examples(count=60)
    targets[41] = "nobody"
    with pytest.raises(ExtensionError, match=r"examples\[41\].*nobody"):
        report(label_set(), NEW, vectors, targets)


def test_old_labels_before_and_after():
    old = label_set()
    vectors = inputs()
    answers = [old.labels[index] for index in old.head(vectors).argmax(dim=1).tolist()]
    new_vectors, new_targets = examples(count=30)
    kept = [index for index, target in enumerate(new_targets) if target in NEW]
    told = report(old, NEW, torch.cat([vectors, new_vectors[kept]]), [*answers, *(new_targets[i] for i in kept)])
    assert told.old_labels.support == 200
    assert told.old_labels.before == 1.0
    assert 0.5 < told.old_labels.after <= 1.0
    table = dict(zip(told.confusion.labels, told.confusion.counts, strict=True))
    stayed = sum(table[name][told.confusion.labels.index(name)] for name in set(answers))
    assert told.old_labels.after == pytest.approx(stayed / 200)


def test_without_old_examples_nothing_is_said_of_old_labels():
    vectors, targets = examples(count=60)
    new = [target in NEW for target in targets]
    told = report(label_set(), NEW, vectors[new], [target for target in targets if target in NEW])
    assert told.old_labels is None
    assert told.anchors_taken is None


def test_anchors_that_new_labels_take_are_counted():
    vectors, targets = examples(count=60)
    told = report(label_set(), NEW, vectors, targets, anchors=vectors + 0.01)
    assert told.anchors == 60
    assert told.anchors_taken > 0.05
    assert report(label_set(), NEW, vectors, targets, anchors=inputs() * 0.01).anchors_taken == 0.0


def test_a_multi_label_report():
    vectors, targets = examples(count=60)
    told = report(label_set(), NEW, vectors, as_lists(targets), multilabel=True)
    assert told.confusion is None
    assert scores(told)["new0"].recall >= 0.9
    assert told.old_labels.before == told.old_labels.after


def test_it_is_json():
    told = report(label_set(), NEW, *examples())
    assert json.loads(json.dumps(dataclasses.asdict(told)))["labels"][0]["label"] == "new0"


def test_folds_are_even_the_same_each_time_and_keep_equal_vectors_together():
    vectors, targets = examples(count=60)
    vectors[4] = vectors[0]
    folds = fold_numbers(vectors, targets, 5)
    assert torch.equal(folds, fold_numbers(vectors, targets, 5))
    assert folds[0] == folds[4]
    for name in ("new0", "new1", "old1"):
        mine = folds[[target == name for target in targets]]
        assert mine.bincount(minlength=5).min() >= 3


def warned(*arguments, **options):
    return " ".join(report(*arguments, **options).warnings)


def test_warns_of_few_examples_and_of_none():
    vectors, targets = examples(count=9)
    text = warned(label_set(), ["new0", "new1", "silent"], vectors, targets)
    assert "'new0' has 3 examples" in text
    assert "'silent' has no example; it stays inert, with a probability of 0.001 at most" in text
    assert "silent" not in warned(label_set(), NEW, *examples(count=60))


def test_warns_of_examples_that_contradict_each_other():
    vectors, targets = examples(count=60)
    vectors[4] = vectors[0]
    assert "examples 0 and 4 are the same to this classifier" in warned(label_set(), NEW, vectors, targets)
    vectors, targets = examples(count=60)
    vectors[3] = vectors[0]  # the same label
    assert "are the same" not in warned(label_set(), NEW, vectors, targets)


def test_warns_of_an_old_label_that_is_swallowed():
    vectors, _ = examples(count=60)
    old = label_set()
    answers = [old.labels[index] for index in old.head(vectors).argmax(dim=1).tolist()]
    victim = max(set(answers), key=answers.count)
    mine = vectors[[answer == victim for answer in answers]]
    targets = [*[victim] * len(mine), *["new0"] * 4 * len(mine)]
    noise = torch.randn(4 * len(mine), 7, generator=torch.Generator().manual_seed(1)) * 0.01
    text = warned(old, ["new0"], torch.cat([mine, mine.repeat(4, 1) + noise]), targets)
    assert f"'new0' takes most examples of '{victim}'" in text
    taken = warned(old, ["new0"], mine + noise[: len(mine)], ["new0"] * len(mine), anchors=mine[:5])
    assert f"'new0' takes most made-up instances of '{victim}'" in taken
    assert "takes most" not in warned(old, NEW, *examples(count=60))


def test_refuses_what_fit_refuses():
    with pytest.raises(ExtensionError):
        report(label_set(), ["old1"], *examples())
