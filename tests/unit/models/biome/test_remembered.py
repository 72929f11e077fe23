"""Keys of records and spellings of words are remembered; nothing else is different for it."""

from __future__ import annotations

from pathlib import Path

from models.archive_classifier import ArchiveClassifier
from models.classifier import Features
from tests.unit.models.biome.pipelines import CHAR, RECORD, WORD, classifier, pipeline

LONG = "riverstone" * 5
INSTANCES = [
    {"name": "river stone", "city": "oak", "kind": "oak"},
    {"city": "lamp", "name": "oak", "kind": "stone"},
    {"name": LONG, "city": "a", "kind": "river stone"},
]


def test_what_was_read_before_is_read_the_same(tmp_path: Path) -> None:
    experienced = reader(tmp_path)
    for number, instance in enumerate([*INSTANCES, *reversed(INSTANCES)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert told(experienced.featurize(instance)) == told(reader(folder).featurize(instance))


def test_keys_that_are_cut_are_told_of_every_time(tmp_path: Path) -> None:
    cutting = classifier(tmp_path, pipeline(RECORD, version="1.0", max_sequence_length=3))
    for _ in range(2):
        features = cutting.featurize({"name": "oak", "city": "tea", "kind": "a"})
        assert features.truncated == ("record",)


def reader(folder: Path) -> ArchiveClassifier:
    return classifier(folder, pipeline(RECORD, {"word": WORD, "char": CHAR}, "3.0"))


def told(features: Features) -> object:
    return [(text.tokens, text.columns) for texts in features.inputs.values() for text in texts]
