"""The heads are whole models: they learn their examples from the loss that they give, and say how well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import InvalidInstance
from models.task_head import TaskHead
from models.text_classification import TextClassification
from models.vocabulary import vocabulary_from_files
from tests.unit.models.biome.pipelines import CHAR, FEEDFORWARD, GRU, PAIR, RECORD, RELATION, WORD, classifier, pipeline

TEXT = {"type": "TextClassification", "feedforward": FEEDFORWARD, "dropout": 0.1}
XAVIER = {"regexes": [[".*_layer.weight", {"type": "xavier_normal"}], [".*bias.*", {"type": "constant", "val": 0}]]}
TEXTS = ["river stone", "lamp oak tea", "quick blue"]
RECORDS = [{"name": text, "city": "north", "kind": "gate"} for text in TEXTS]
SAME, OTHER = {"a": "river", "b": "oak"}, {"a": "seven", "b": "lamp tea"}
ENTITIES = [{"start": 0, "end": 5, "label": "subject"}]

LESSONS: dict[str, tuple[dict[str, Any], list[tuple[dict[str, Any], Any]]]] = {
    "text": (
        pipeline(TEXT),
        [({"text": text}, label) for text, label in zip(TEXTS, ["yes", "no", "maybe"], strict=True)],
    ),
    "multilabel": (
        pipeline({**TEXT, "multilabel": True, "label_weights": [1, 2, 1]}),
        [({"text": text}, labels) for text, labels in zip(TEXTS, [["yes"], ["no", "maybe"], []], strict=True)],
    ),
    "document": (
        pipeline({"type": "DocumentClassification", "token_pooler": GRU, "sentence_encoder": GRU}),
        [({"text": ["river stone", "oak"]}, "yes"), ({"text": ["tea", "lamp"]}, "no")],
    ),
    "record": (
        pipeline({**RECORD, "label_weights": {"no": 2, "yes": 1, "maybe": 1}}, version="1.0"),
        list(zip(RECORDS, ["yes", "no", "maybe"], strict=True)),
    ),
    "pair": (
        pipeline({**PAIR, "initializer": XAVIER}, {"word": WORD, "char": CHAR}),
        [({"record1": SAME, "record2": SAME}, "yes"), ({"record1": SAME, "record2": OTHER}, "no")],
    ),
    "relation": (
        pipeline(RELATION),
        [({"text": "river stone", "entities": ENTITIES}, "yes"), ({"text": "river stone", "entities": []}, "no")],
    ),
}


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS.keys())
def test_learns_its_examples(tmp_path: Path, lesson: tuple[dict[str, Any], list[tuple[dict[str, Any], Any]]]) -> None:
    config, rows = lesson
    pupil = classifier(tmp_path, config)
    head = pupil.model.head
    labels = torch.tensor([head.featurize(**inputs, label=label).label for inputs, label in rows])
    tensors = pupil.collate([pupil.featurize(inputs) for inputs, _ in rows]).tensors
    learner = pupil.model.train().requires_grad_(True)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.03)
    torch.manual_seed(0)
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        loss = learner(**tensors, label=labels)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    learner.eval().get_metrics(reset=True)
    decoded = learner.make_output_human_readable(learner(**tensors, label=labels))
    metrics = learner.get_metrics(reset=True)
    assert metrics["micro/fscore"] == 1.0
    for (_, label), ranked, probabilities in zip(rows, decoded["labels"], decoded["probabilities"], strict=True):
        assert probabilities == sorted(probabilities, reverse=True)
        if head.multilabel:
            assert {name for name, p in zip(ranked, probabilities, strict=True) if p >= 0.5} == set(label)
            assert "accuracy" not in metrics
        else:
            assert ranked[0] == label
            assert metrics["accuracy"] == metrics[f"_recall/{label}"] == 1.0


def test_metrics_count_what_was_run_since_the_last_reset(tmp_path: Path) -> None:
    """macro is the mean over the labels, micro counts instances; a label never seen has 0."""
    pupil = classifier(tmp_path, pipeline(TEXT))
    head = pupil.model.head
    logits = torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0], [0.0, 1.0, 0.5]])
    head.output(logits, torch.tensor([0, 1, 1]))
    metrics = head.get_metrics(reset=True)
    assert metrics["accuracy"] == pytest.approx(2 / 3)
    assert metrics["micro/recall"] == pytest.approx(2 / 3)
    assert metrics["macro/recall"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert metrics["_precision/yes"] == pytest.approx(1 / 2)
    head.output(logits[:1], torch.tensor([0]))
    assert head.get_metrics()["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("multilabel", "label"), [(False, "never"), (False, ["yes"]), (True, "yes"), (True, ["yes", "never"])]
)
def test_labels_that_the_head_does_not_have(tmp_path: Path, multilabel: bool, label: Any) -> None:
    head = classifier(tmp_path, pipeline({**TEXT, "multilabel": multilabel})).model.head
    with pytest.raises(InvalidInstance):
        head.featurize("river stone", label=label)


def test_the_vocabulary_can_grow(tmp_path: Path) -> None:
    model = classifier(tmp_path, pipeline(TEXT)).model
    embedding = model.head.backbone.embedder.token_embedder_word
    before = embedding.weight.detach().clone()
    model.extend_vocabulary(vocabulary_from_files({"word.txt": "@@UNKNOWN@@\nriver\nbrandnew"}))
    assert embedding.weight.size(0) == before.size(0) + 1
    assert torch.equal(embedding.weight[: before.size(0)], before)


def test_heads_are_registered_by_the_name_of_their_class() -> None:
    class Registered(TextClassification):
        pass

    with pytest.raises(ValueError, match="Registered is not implemented; these are: DocumentClassification"):
        TaskHead.by_name("Registered")
    Registered.register()
    try:
        assert TaskHead.by_name("Registered") is Registered
        with pytest.raises(ValueError, match="already registered"):
            Registered.register()
        Registered.register(overrides=True)
    finally:
        del TaskHead.registered["Registered"]
