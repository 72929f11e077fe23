"""The committed data sets: reproducible, balanced enough, and without leakage from validation into train."""

import json
from collections import Counter

import pytest

from app.demo.corpora.rows import surface
from app.demo.datasets import DATA, dataset_names, load_rows
from app.demo.generate import as_jsonl, generate

INPUTS = {
    "business_names": {"text"},
    "business_names.new_labels": {"text"},
    "support_messages": {"text"},
    "product_records": {"record"},
    "product_prices": {"record1", "record2"},
    "duplicate_records": {"record1", "record2"},
}


def inputs_of(row):
    return [row[name] for name in ("text", "record", "record1", "record2") if name in row]


def test_the_generator_writes_exactly_the_committed_files():
    assert {name: as_jsonl(rows) for name, rows in generate().items()} == {
        name: (DATA / f"{name}.jsonl").read_text(encoding="utf-8") for name in dataset_names()
    }


def test_another_seed_gives_other_texts():
    assert generate(seed=14)["business_names"] != load_rows("business_names")


@pytest.mark.parametrize("name", INPUTS)
def test_every_row_has_its_inputs_a_label_and_a_split(name):
    for row in load_rows(name):
        assert set(row) - {"keep"} == INPUTS[name] | {"label", "split"}
        assert row["split"] in {"train", "validation"}
        assert all(inputs_of(row)), row


@pytest.mark.parametrize("name", INPUTS)
def test_no_validation_text_occurs_in_train(name):
    train = {surface(sorted(map(str, inputs_of(row)))) for row in load_rows(name, "train")}
    validation = {surface(sorted(map(str, inputs_of(row)))) for row in load_rows(name, "validation")}
    assert validation
    assert train.isdisjoint(validation)


def test_the_new_labels_share_no_text_and_no_label_with_the_known_ones():
    known, new = load_rows("business_names"), load_rows("business_names.new_labels")
    assert {surface(row["text"]) for row in known}.isdisjoint(surface(row["text"]) for row in new)
    assert {row["label"] for row in known}.isdisjoint(row["label"] for row in new)


@pytest.mark.parametrize("name", INPUTS)
def test_no_label_is_rare(name):
    for split in ("train", "validation"):
        counts = Counter(row["label"] for row in load_rows(name, split))
        assert min(counts.values()) * 3 > max(counts.values())


def test_labels_are_as_many_as_promised():
    counts = Counter((row["split"], row["label"]) for row in load_rows("business_names.new_labels"))
    assert len({row["label"] for row in load_rows("business_names")}) == 10
    for label in ("lodging", "finance"):
        assert counts["train", label] >= 20
        assert counts["validation", label] >= 60


def test_validation_holds_words_that_training_does_not():
    def tokens(split):
        return {word for row in load_rows("business_names", split) for word in row["text"].lower().split()}

    assert len(tokens("validation") - tokens("train")) > 50


def test_the_data_stays_small():
    assert sum(path.stat().st_size for path in DATA.glob("*.jsonl")) <= 3_000_000


def test_missing_fields_are_among_the_records():
    records = [
        record for name in ("product_records", "duplicate_records") for r in load_rows(name) for record in inputs_of(r)
    ]
    empty = sum("" in record.values() for record in records)
    assert 0.1 < empty / len(records) < 0.7
    assert json.dumps(records[0])
