"""Whatever is sent: an answer, or InvalidInstance. Names, aliases, cuts and warnings."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.archive_classifier import ArchiveClassifier
from models.errors import InvalidInstance
from tests.unit.models.biome.pipelines import (
    CHAR_CNN,
    CNN,
    PAIR,
    RECORD,
    RELATION,
    TRANSFORMERS,
    WORD,
    classifier,
    instance,
    logits,
    pipeline,
)

TEXT = {"type": "TextClassification"}
DOCUMENT = {"type": "DocumentClassification"}
HTML = {"rules": ["html_to_text", "fix_html", "rm_useless_spaces", "strip_spaces"]}
KINDS = {
    "text-1.0": pipeline({**TEXT, "pooler": CNN}, {"word": WORD, "char": CHAR_CNN}, "1.0", text_cleaning=HTML),
    "document": pipeline(DOCUMENT, version="2.2", segment_sentences=True, max_nr_of_sentences=3),
    "document-1.0": pipeline({**DOCUMENT, "tokens_pooler": {"type": "gru", "hidden_size": 2}}, version="1.0"),
    "document-pieces": pipeline(DOCUMENT, {"transformers": {**TRANSFORMERS, "max_length": 5}}, truncate_input=40),
    "record": pipeline(RECORD, version="1.0", max_sequence_length=5),
    "pair": pipeline({**PAIR, "aggregator": CNN}, version="3.0"),
    "relation": pipeline(RELATION, text_cleaning=HTML),
}


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS.keys())
def pipelines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ArchiveClassifier:
    return classifier(tmp_path_factory.mktemp("archive"), request.param)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
markup = st.text(alphabet="<>&;/ab \n\x00\x1b\ud800.:!", max_size=20)
values = st.recursive(
    leaves | markup, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
spans = st.lists(st.fixed_dictionaries({"start": leaves, "end": st.integers(-2, 9), "label": st.text(max_size=3)}))
names = ["text", "document", "record1", "record2", "name", "city", "kind", "entities", "label"]
anything = values | st.dictionaries(st.sampled_from(names), values | spans, max_size=4)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_an_answer_or_a_refusal(pipelines: ArchiveClassifier, data: st.DataObject) -> None:
    sent = data.draw(anything | st.fixed_dictionaries(dict.fromkeys(pipelines.inputs.names, values | spans)))
    try:
        features = pipelines.featurize(sent)
    except InvalidInstance:
        return
    assert logits(pipelines, [features]).shape == (1, 3)


def test_the_example_of_the_schema_is_answered(pipelines: ArchiveClassifier) -> None:
    assert logits(pipelines, [pipelines.featurize(pipelines.inputs.example)]).isfinite().all()


def test_deep_nesting_is_refused(pipelines: ArchiveClassifier) -> None:
    deep: Any = "river stone"
    for _ in range(5000):
        deep = {"a": deep}
    sent = dict(instance(pipelines.kind, random.Random(1)))
    with pytest.raises(InvalidInstance):
        pipelines.featurize({**sent, next(iter(sent)): deep})


def test_aliases_of_inputs(tmp_path: Path) -> None:
    documents = {version: classifier(tmp_path, pipeline(DOCUMENT, version=version)) for version in ("1.0", "3.3")}
    for version, name in (("1.0", "document"), ("3.3", "text")):
        document = documents[version]
        assert document.inputs.names == (name,)
        shapes = {document.featurize(sent).shape for sent in ("a tea", {"text": "a tea"}, {"document": ["a tea"]})}
        assert shapes == {((1, 2),)}
    record = classifier(tmp_path, pipeline(RECORD))
    fields = {"name": "river", "city": "oak", "kind": "tea"}
    assert record.featurize({"record": fields}).inputs == record.featurize(fields).inputs
    pair = classifier(tmp_path, pipeline(PAIR))
    texts = {"text": "river", "text_pair": "stone"}
    assert pair.featurize(texts).inputs == pair.featurize({"record1": "river", "record2": "stone"}).inputs


def test_fields_that_a_record_does_not_have_are_ignored_with_a_warning(tmp_path: Path) -> None:
    record = classifier(tmp_path, pipeline(RECORD))
    fields = {"name": "river", "city": "oak", "kind": "tea"}
    features = record.featurize({**fields, "phone": "7"})
    assert features.inputs == record.featurize(fields).inputs
    assert features.warnings == ("'phone' was ignored; this classifier takes 'name', 'city', 'kind'",)


@pytest.mark.parametrize(
    ("options", "text", "cut", "words"),
    [
        ({"truncate_input": 11}, "river stone lamp", True, [["river", "stone"]]),
        ({"truncate_input": 16}, "river stone lamp", False, [["river", "stone", "lamp"]]),
        ({"segment_sentences": True, "truncate_sentence": 3}, "River runs. No.", True, [["Riv"], ["No", "."]]),
        ({"segment_sentences": True, "max_nr_of_sentences": 1}, "River runs. No.", True, [["River", "runs", "."]]),
        ({"segment_sentences": True, "min_sentence_length": 3}, "River runs. No.", False, [["River", "runs", "."]]),
        ({"remove_space_tokens": False}, "a  tea\n", False, [["a", " ", "tea", "\n"]]),
        ({"start_tokens": ["<a>", "<b>"], "end_tokens": ["</b>"]}, "tea", False, [["<a>", "<b>", "tea", "</b>"]]),
    ],
)
def test_cuts_are_told(tmp_path: Path, options: dict[str, Any], text: str, cut: bool, words: list[list[str]]) -> None:
    document = classifier(tmp_path, pipeline(DOCUMENT, **options))
    features = document.featurize(text)
    assert [[token.text for token in field.tokens] for field in features.inputs["text"]] == words
    assert features.truncated == (("text",) if cut else ())


def test_max_sequence_length_cuts_keys_too(tmp_path: Path) -> None:
    record = classifier(
        tmp_path, pipeline({**RECORD, "record_keys": ["telephone"]}, version="3.0", max_sequence_length=4)
    )
    (field,) = record.featurize({"telephone": "river"}).inputs["record"]
    assert [token.text for token in field.tokens] == ["tele", "rive"]
    later = classifier(tmp_path, pipeline({**RECORD, "record_keys": ["telephone"]}, truncate_input=4))
    (field,) = later.featurize({"telephone": "river"}).inputs["record"]
    assert [token.text for token in field.tokens] == ["telephone", "rive"]
