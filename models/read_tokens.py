"""The tokens that a BasicClassifier read, as AllenNLP 1.0 - 2.10 says them in its answers."""

from __future__ import annotations

from typing import Any

from models.allennlp_compat import get_token_ids_from_text_field_tensors
from models.classifier import Classifier, Features


def read_tokens(classifier: Classifier, features: Features) -> dict[str, list[Any]]:
    """`token_ids`, padding included, and `tokens` by the model's namespace.

    Empty where the original fails: its indexer makes no ids of whole tokens, or its vocabulary does not know them.
    """
    model: Any = getattr(classifier, "model", None)
    text = next(iter(classifier.collate([features]).tensors.values()))
    try:
        ids: list[int] = get_token_ids_from_text_field_tensors(text)[0].tolist()  # (batch, tokens) -> (tokens,)
        tokens = [model.vocab.get_token_from_index(number, namespace=model._namespace) for number in ids]
    except (AttributeError, KeyError, NotImplementedError):
        return {}
    return {"token_ids": ids, "tokens": tokens}
