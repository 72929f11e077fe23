"""Anchors: made-up instances that say what the old labels are, where nobody sent an example of them.

Each is an instance of the caller with its words replaced by words of the archive's own vocabulary: as long, made of
the same fields, but about what the classifier was trained on, which no new label should claim.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, cycle, islice
from typing import Any

from models.classifier import Classifier, Instance
from models.errors import InvalidInstance

COUNT = 1500
"""More make the fitted rows steadier, but all of them have to be encoded."""
SEED = 13
ATTEMPTS = 2
"""For each anchor: a classifier may refuse what was made up."""
WORD = re.compile(r"\w+")
FIRST_RANK = 10
"""Added to a word's rank; its frequency falls as 1 / rank, and the very first words should not be half of a text."""
Draw = Callable[[], str]


def anchors_for(classifier: Classifier, instances: Sequence[Instance], *, count: int = COUNT) -> list[Instance]:
    """Made-up instances like the examples' `instances`, always the same ones for the same examples.

    None where there are no examples, or where the classifier knows no words (its features are characters or bytes).
    """
    draw = _drawing(words_for(classifier, instances))
    if draw is None or not instances:
        return []
    with_words = [instance for instance in instances if any(map(WORD.search, _texts(instance)))]
    templates = islice(cycle(with_words), ATTEMPTS * count)
    made = (made_up(template, draw) for template in templates)
    new = (anchor for anchor in made if anchor not in instances and _is_readable(classifier, anchor))
    return list(islice(new, count))


def words_for(classifier: Classifier, instances: Sequence[Instance]) -> list[str]:
    """The words that the classifier knows, the more frequent first, without those that the examples use."""
    used = {word.lower() for instance in instances for word in WORD.findall(" ".join(_texts(instance)))}
    return [word for word in classifier.words() if WORD.fullmatch(word) and word.lower() not in used]


def _drawing(words: Sequence[str]) -> Draw | None:
    if not words:
        return None
    rng = random.Random(SEED)  # noqa: S311  (nothing secret)
    weights = list(accumulate(1 / (rank + FIRST_RANK) for rank in range(len(words))))
    return lambda: rng.choices(words, cum_weights=weights)[0]


def made_up(instance: Any, draw: Draw) -> Any:
    """An instance with every word drawn anew; numbers stay, and so do spans, over the words that they were over."""
    if isinstance(instance, str):
        return _Text(instance, draw).text
    if isinstance(instance, Mapping):
        if isinstance(instance.get("text"), str) and isinstance(instance.get("entities"), list):
            text = _Text(instance["text"], draw)
            return {**instance, "text": text.text, "entities": [text.moved(span) for span in instance["entities"]]}
        return {key: made_up(value, draw) for key, value in instance.items()}
    if isinstance(instance, list | tuple):
        return [made_up(value, draw) for value in instance]
    return instance


class _Text:
    """A text with other words, and where the spans of the first are in it."""

    def __init__(self, text: str, draw: Draw) -> None:
        self._spans = [found.span() for found in WORD.finditer(text)]
        self._words = [text[start:end] if text[start:end].isdigit() else draw() for start, end in self._spans]
        self.text = " ".join(self._words)

    def moved(self, span: Mapping[str, Any]) -> dict[str, Any]:
        """An entity over the words that its characters touch."""
        touched = [
            index for index, (start, end) in enumerate(self._spans) if start < span["end"] and end > span["start"]
        ]
        first, last = (touched[0], touched[-1]) if touched else (0, 0)
        start = len(" ".join([*self._words[:first], ""])) if first else 0
        return {**span, "start": start, "end": start + len(" ".join(self._words[first : last + 1]))}


def _texts(node: Any) -> list[str]:
    """All strings in an instance."""
    if isinstance(node, str):
        return [node]
    if isinstance(node, Mapping):
        return [text for child in node.values() for text in _texts(child)]
    if isinstance(node, list | tuple):
        return [text for child in node for text in _texts(child)]
    return []


def _is_readable(classifier: Classifier, instance: Instance) -> bool:
    try:
        classifier.featurize(instance)
    except InvalidInstance:
        return False
    return True
