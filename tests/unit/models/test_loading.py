"""Building a classifier: weights load strictly, and what is not implemented is refused by name."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import ArchiveError, BrokenArchive, InvalidInstance, MissingFiles, UnsupportedArchive
from models.loading import load_classifier
from tests.unit.models.archives import CONFIG, VOCABULARY, WEIGHTS, members, packed


def load(folder: Path, **parts: Any) -> Any:
    return load_classifier(packed(folder / "small.tar.gz", members(**parts)))


def config(**changes: Any) -> dict[str, Any]:
    """CONFIG with values exchanged, addressed as section__key."""
    new = deepcopy(CONFIG)
    for path, value in changes.items():
        section, _, key = path.partition("__")
        new[section][key] = value
    return new


def test_the_small_archive_answers(tmp_path: Path) -> None:
    classifier = load(tmp_path)
    batch = classifier.collate([classifier.featurize("good"), classifier.featurize({"sentence": "bad unheard"})])
    vectors = classifier.encode(batch)
    # "good" is row 2, "bad" row 3, an unknown word row 1
    assert vectors.tolist() == [[6.0, 7.0, 8.0], [12.0, 14.0, 16.0]]
    assert classifier.label_set.head(vectors).tolist() == [[6.0, 7.0], [12.0, 14.0]]
    assert classifier.label_set.labels == ("pos", "neg")


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    bad = {
        "_classification_layer.bias is missing": {k: v for k, v in WEIGHTS.items() if not k.endswith("bias")},
        "extra is not part of the model": {**WEIGHTS, "extra": torch.zeros(1)},
        "bias is 3 instead of 2": {**WEIGHTS, "_classification_layer.bias": torch.zeros(3)},
        "int64": {**WEIGHTS, "_classification_layer.bias": torch.zeros(2, dtype=torch.int64)},
    }
    for reason, weights in bad.items():
        with pytest.raises(BrokenArchive, match=reason):
            load(tmp_path, weights=weights)


def test_constants_of_old_versions_are_let_through(tmp_path: Path) -> None:
    load(tmp_path, weights={**WEIGHTS, "transformer.embeddings.position_ids": torch.arange(3)})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model__type": "crf_tagger"}, "basic_classifier, bert_for_classification"),
        ({"model__seq2vec_encoder": {"type": "no_such"}}, "no_such"),
        ({"model__unheard_of": 1}, "unheard_of"),
        ({"dataset_reader__type": "snli"}, "text_classification_json"),
        ({"dataset_reader__tokenizer": {"type": "word", "word_splitter": "no_such"}}, "just_spaces"),
        ({"dataset_reader__token_indexers": {"tokens": {"type": "ner_tag"}}}, "single_id, characters"),
        ({"dataset_reader__token_indexers": {"tokens": {"type": "single_id", "use_pos": True}}}, "use_pos"),
        ({"dataset_reader__segment_sentences": True}, "segment_sentences"),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnsupportedArchive, match=reason):
        load(tmp_path, config=config(**changes))


def test_nonsense_is_broken_and_never_crashes(tmp_path: Path) -> None:
    for changes in (
        {"model__seq2vec_encoder": {"type": "boe", "embedding_dim": "three"}},
        {"model__text_field_embedder": 7},
        {"model__seq2vec_encoder": {"type": "lstm", "input_size": -1, "hidden_size": 2}},
        {"dataset_reader__token_indexers": [1]},
        {"dataset_reader__token_indexers": {"tokens": 3}},
    ):
        with pytest.raises(ArchiveError):
            load(tmp_path, config=config(**changes))
    with pytest.raises(BrokenArchive):
        load(tmp_path, config={"model": CONFIG["model"]})


def test_a_missing_hub_file_says_what_to_put_where(tmp_path: Path) -> None:
    indexers = {"bert": {"type": "bert-pretrained", "pretrained_model": "bert-base-uncased"}}
    changed = config(dataset_reader__token_indexers=indexers)
    changed["model"] = {"type": "bert_for_classification", "bert_model": "bert-base-uncased"}
    with pytest.raises(MissingFiles, match=r"config\.json into its folder bert-base-uncased/"):
        load(tmp_path, config=changed)


def test_files_of_the_training_machine_are_not_opened(tmp_path: Path) -> None:
    embedder = {"tokens": {"type": "embedding", "embedding_dim": 3, "pretrained_file": "/etc/passwd"}}
    load(tmp_path, config=config(model__text_field_embedder=embedder))
    load(
        tmp_path, config=config(model__initializer=[[".*", {"type": "pretrained", "weights_file_path": "/etc/passwd"}]])
    )


def test_instances_are_refused_with_what_is_accepted(tmp_path: Path) -> None:
    classifier = load(tmp_path)
    for instance in ({"text": "good"}, {"sentence": None}, {"sentence": 3}, {"sentence": ["a"]}, {}, 7, None, ["a"]):
        with pytest.raises(InvalidInstance, match="sentence"):
            classifier.featurize(instance)


def test_vocabulary_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    tokens = "@@UNKNOWN@@\na\rb\nc\u2028d\ne@@NEWLINE@@f".encode()
    weights = {**WEIGHTS, "_text_field_embedder.token_embedder_tokens.weight": torch.zeros(5, 3)}
    classifier = load(tmp_path, weights=weights, vocabulary={**VOCABULARY, "vocabulary/tokens.txt": tokens})
    vocabulary = classifier.model.vocab.get_token_to_index_vocabulary("tokens")
    assert [vocabulary[token] for token in ("@@UNKNOWN@@", "a\rb", "c\u2028d", "e\nf")] == [1, 2, 3, 4]


def test_the_small_archive_says_what_it_weighs(tmp_path: Path) -> None:
    classifier = load(tmp_path)
    assert classifier.parameters == 12 + 6 + 2
    assert classifier.size_bytes == 4 * 20
