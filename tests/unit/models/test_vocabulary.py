"""Vocabulary files, to the letter: what AllenNLP 0.9 and what later versions take for the end of a line."""

from __future__ import annotations

import pytest

from models.vocabulary import vocabulary_from_files

FILES = {
    "c.txt": "@@UNKNOWN@@\na\n\r\n\u2028\n@@NEWLINE@@\nb\r",
    "labels.txt": "yes\nno\n",
    "non_padded_namespaces.txt": "*labels\n",
}


@pytest.mark.parametrize(
    ("legacy", "tokens"), [(True, ["a", "\r", "\u2028", "\n", "b\r"]), (False, ["a", "", "\u2028", "\n", "b\r"])]
)
def test_only_early_versions_keep_the_token_of_a_carriage_return(legacy: bool, tokens: list[str]) -> None:
    vocabulary = vocabulary_from_files(FILES, legacy=legacy)
    indices = vocabulary.get_token_to_index_vocabulary("c")
    assert [indices[token] for token in tokens] == [2, 3, 4, 5, 6]
    assert vocabulary.get_token_index("\r", "c") == (3 if legacy else 1)


def test_labels_start_at_zero() -> None:
    assert vocabulary_from_files(FILES).get_index_to_token_vocabulary("labels") == {0: "yes", 1: "no"}
