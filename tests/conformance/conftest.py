from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.oracles import CARRIED
from tests.service.process import VITRINE, ServerProcess, running

KEY = "a-key-for-conformance"
ALLENNLP = (
    "allennlp210_cnn",
    "allennlp_basic_bytes",
    "biome_sequence_classifier_single",
    "biome_multifield_bimpm_record",
    "biome_v10_record_wordchar",
    "biome_v10_text_multilabel_cnn",
)
BIOME = (
    "biome_v33_pair_fwd_bwd",
    "biome_v33_text_word_transformers_mix",
    "biome_v22_document_segmented",
    "biome_v10_pair_fwd_3labels",
)


@contextmanager
def serving(store: Path, *names: str, **settings: Any) -> Iterator[ServerProcess]:
    for name in names:
        shutil.copy(CARRIED / f"{name}.tar.gz", store)
    options = {"hub_dir": CARRIED / "hub", "compat_model": names[0], "access_log": False} | settings
    with running(store, command=VITRINE, loaded=False, **options) as process:
        process._wait_for("loaded", 120)
        yield process


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """What real clients call; it answers as biome.text's `serve` too."""
    store: Path = tmp_path_factory.mktemp("store")
    shutil.copy(CARRIED / f"{ALLENNLP[0]}.tar.gz", store / "spare.tar.gz")
    (store / "broken.tar.gz").write_text("no archive")
    for name, archive in (("business-names", ALLENNLP[2]), ("duplicates", BIOME[0])):
        shutil.copy(CARRIED / f"{archive}.tar.gz", store / f"{name}.tar.gz")
    with serving(store, *BIOME, ALLENNLP[0], admin_keys=KEY, compat="biome") as process:
        yield process


@pytest.fixture(scope="session")
def allennlp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    store: Path = tmp_path_factory.mktemp("allennlp")
    shutil.copy(CARRIED / f"{ALLENNLP[0]}.tar.gz", store / "reviews.tar.gz")
    with serving(store, *ALLENNLP, compat="allennlp") as process:
        yield process
