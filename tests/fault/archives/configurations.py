"""Configurations that would import, call, read or allocate."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from tests.fault.archives import Hostile
from tests.fault.archives.weights import MARKER
from tests.unit.models.archives import CONFIG, VOCABULARY, members, packed

BILLION = 1_000_000_000
CALLED = "only names of registered classes|not served|is not a registered|not in"


def archive_of(config: Any, vocabulary: dict[str, bytes] | None = None) -> Callable[[Path], Path]:
    return lambda path: packed(path, members(config=config, vocabulary=vocabulary or VOCABULARY))


def changed(place: str, value: Any) -> Any:
    """The honest configuration with one value exchanged; `place` is dotted."""
    config = deepcopy(CONFIG)
    *parents, last = place.split(".")
    node = config
    for parent in parents:
        node = node.setdefault(parent, {})
    node[last] = value
    return config


def nested(depth: int) -> bytes:
    return b'{"model": ' + b"[" * depth + b"]" * depth + b"}"


def encoder(**options: Any) -> Callable[[Path], Path]:
    return archive_of(changed("model.seq2vec_encoder", options))


def feedforward(**options: Any) -> Callable[[Path], Path]:
    return archive_of(changed("model.feedforward", {"input_dim": 3, "activations": "relu", **options}))


def padded_to(length: int) -> Callable[[Path], Path]:
    indexers = {"tokens": {"type": "single_id", "token_min_padding_length": length}}
    return archive_of(changed("dataset_reader.token_indexers", indexers))


def labels_of(lines: bytes) -> Callable[[Path], Path]:
    return archive_of(CONFIG, {**VOCABULARY, "vocabulary/labels.txt": lines})


def long_number() -> bytes:
    return b'{"model": ' + b"9" * 900_000 + b"}"


CONFIGURATIONS: dict[str, Hostile] = {
    "type that is called": Hostile(archive_of(changed("model.type", "subprocess.Popen")), CALLED),
    "inner type that is called": Hostile(encoder(type="os.system", command=f"touch {MARKER}"), CALLED),
    "type in short form": Hostile(archive_of(changed("model.seq2vec_encoder", "os.system")), CALLED),
    "allennlp's own function": Hostile(encoder(type="allennlp.common.file_utils.cached_path"), "not"),
    "reader that is called": Hostile(archive_of(changed("dataset_reader.type", "builtins.eval")), CALLED),
    "vocabulary that is called": Hostile(archive_of(changed("vocabulary", {"type": "builtins.exec"})), CALLED),
    "include_package": Hostile(archive_of({**CONFIG, "include_package": ["antigravity"]}), "import Python packages"),
    "importstr": Hostile(archive_of(b'{"model": importstr "/etc/passwd"}'), "plain JSON"),
    "jsonnet": Hostile(archive_of(b"local x = import '/etc/passwd'; {model: x}"), "plain JSON"),
    "extVar": Hostile(archive_of(b'{"model": std.extVar("HOME")}'), "plain JSON"),
    "deep": Hostile(archive_of(nested(100_000)), "nested deeper"),
    "just too deep": Hostile(archive_of(nested(70)), "nested deeper"),
    "NaN": Hostile(archive_of(b'{"model": NaN}'), "NaN"),
    "number of a million digits": Hostile(archive_of(long_number()), "plain JSON"),
    "UTF-16": Hostile(archive_of(json.dumps(CONFIG).encode("utf-16")), "plain JSON"),
    "list": Hostile(archive_of([CONFIG]), "not a JSON object"),
    "billion layers": Hostile(feedforward(num_layers=BILLION, hidden_dims=3), "largest dimension"),
    "million layers": Hostile(feedforward(num_layers=1_000_000, hidden_dims=3), "larger than the weights"),
    "billion units": Hostile(feedforward(num_layers=1, hidden_dims=BILLION), "largest dimension"),
    "product of large sizes": Hostile(feedforward(num_layers=2, hidden_dims=1_000_000), "larger than the weights"),
    "embedding of a billion rows": Hostile(
        archive_of(changed("model.text_field_embedder.tokens.num_embeddings", BILLION)), "largest dimension"
    ),
    "deep LSTM": Hostile(
        encoder(type="lstm", input_size=3, hidden_size=3, num_layers=1_000_000), "larger than the weights"
    ),
    "large LSTM": Hostile(encoder(type="lstm", input_size=3, hidden_size=500_000), "larger than the weights"),
    "wide CNN": Hostile(
        encoder(type="cnn", embedding_dim=3, num_filters=1_000, ngram_filter_sizes=[1_000_000]),
        "larger than the weights",
    ),
    "billion labels claimed": Hostile(archive_of(changed("model.num_labels", BILLION)), "largest dimension|labels"),
    "millions of labels in the vocabulary": Hostile(labels_of(b"a\n" * 8_000_000), "holds 8000000 entries"),
    "empty labels without end": Hostile(labels_of(b"\n" * 30_000_000), "holds 30000000 entries"),
    "vocabulary over its limit": Hostile(labels_of(b"a" * (40 << 20)), "beyond"),
    "padding to a billion tokens": Hostile(padded_to(BILLION), "largest dimension|at most"),
    "padding to a million tokens": Hostile(padded_to(1_000_000), "at most"),
}
