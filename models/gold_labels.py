"""The label namespace of a biome.text 1.0 - 3.3 vocabulary.

The names in an archive's vocabulary file do not count: a head fills the namespace with the labels of its configuration.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.allennlp_compat import Vocabulary

LABELS_NAMESPACE = "gold_labels"


def set_labels(vocabulary: Vocabulary, labels: Sequence[str]) -> None:
    """These labels, in this order, and no others. Raises ValueError for labels that are not texts."""
    vocabulary._token_to_index.pop(LABELS_NAMESPACE, None)
    vocabulary._index_to_token.pop(LABELS_NAMESPACE, None)
    extend_labels(vocabulary, labels)


def extend_labels(vocabulary: Vocabulary, labels: Sequence[str]) -> None:
    """Appends the labels that are new. Raises ValueError for labels that are not texts."""
    vocabulary.add_tokens_to_namespace(list(labels), namespace=LABELS_NAMESPACE)


def get_labels(vocabulary: Vocabulary) -> list[str]:
    """In index order."""
    return list(vocabulary.get_token_to_index_vocabulary(LABELS_NAMESPACE))
