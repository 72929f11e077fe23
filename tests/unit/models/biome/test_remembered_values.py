"""A value that several records have is tokenized once, and read as if it were alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.loading import load_classifier

ARCHIVE = Path(__file__).parents[3] / "data" / "oracles" / "biome_v33_pair_fwd_bwd.tar.gz"
FIRST, SECOND = {"name": "Anna Smith", "city": "London"}, {"name": "Ana Smith", "city": "London"}


def test_a_value_is_tokenized_once() -> None:
    classifier: Any = load_classifier(ARCHIVE)
    found = [classifier.featurize({"record1": FIRST, "record2": SECOND}) for _ in range(2)]
    information = classifier.model.head.backbone.featurizer.tokenizer._remembered.cache_info()
    assert information.misses == len({*FIRST, *FIRST.values(), *SECOND.values()})
    alone: Any = load_classifier(ARCHIVE)
    assert [one.inputs for one in found] == [alone.featurize({"record1": FIRST, "record2": SECOND}).inputs] * 2
