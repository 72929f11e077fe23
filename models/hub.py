"""The hub directory: where tokenizers and configurations that archives refer to by name are looked up.

An archive may name a model hub id (`bert-base-uncased`), an organisation's one (`org/name`), or a path on the
machine it was trained on (`/data/models/bert_tiny/vocab.txt`). All of them resolve to a folder of that name in
one local directory, laid out as plain folders or as the Hugging Face cache. Nothing is ever fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePosixPath
from typing import Any

from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

_directory: ContextVar[Path | None] = ContextVar("hub_directory", default=None)

CONFIG_FILES = ("config.json", "bert_config.json")
_ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".zip")


class NotInHub(LookupError):
    """A name that an archive refers to is not in the hub directory; the message says what to put where."""


@contextmanager
def using(directory: Path | None) -> Iterator[None]:
    """Look names up in `directory` inside the block."""
    token = _directory.set(directory)
    try:
        yield
    finally:
        _directory.reset(token)


def folder(name: str, wanted: Sequence[str]) -> Path:
    """The folder that `name` stands for. `wanted` are the files that the caller will look for in it.

    Raises NotInHub.
    """
    directory = _directory.get()
    for candidate in _candidates(name):
        found = _plain_folder(directory, candidate) or _cache_folder(directory, candidate)
        if found is not None:
            return found
    raise _missing(name, wanted)


def file(name: str, default: str) -> Path:
    """The file that `name` stands for: itself where it ends in a file name, else `default` in its folder.

    Raises NotInHub.
    """
    path = PurePosixPath(name)
    if path.suffix in {".txt", ".json"}:
        if len(path.parts) > 1:
            found = folder(str(path.parent), [path.name]) / path.name
        else:
            found = (_directory.get() or Path()) / path.name
    else:
        found = folder(name, [default]) / default
    if not found.is_file():
        raise _missing(str(path.parent) if path.suffix else name, [found.name])
    return found


def config_file(name: str) -> Path:
    """The model configuration in the folder of `name`. Raises NotInHub."""
    place = folder(name, CONFIG_FILES[:1])
    for file_name in CONFIG_FILES:
        if (place / file_name).is_file():
            return place / file_name
    raise _missing(name, CONFIG_FILES[:1])


def transformer(model_name: str, make_copy: bool, **kwargs: Any) -> PreTrainedModel:
    """A transformer of the named architecture with untrained weights: the archive holds the trained ones.

    The signature is that of `allennlp.common.cached_transformers.get`, which it stands in for.
    """
    changes = {key: value for key, value in without_places(kwargs).items() if key not in _WEIGHT_OPTIONS}
    place = folder(model_name, ["config.json"])
    config = AutoConfig.from_pretrained(place, **{**changes, "local_files_only": True, "trust_remote_code": False})
    return AutoModel.from_config(config, trust_remote_code=False)


_WEIGHT_OPTIONS = ("load_weights", "override_weights_file", "override_weights_strip_prefix", "reinit_modules")


def positions(model_name: str) -> int | None:
    """How many tokens the named transformer has positions for; None where its positions are relative."""
    return positions_of(AutoConfig.from_pretrained(folder(model_name, ["config.json"]), local_files_only=True))


def positions_of(config: PretrainedConfig) -> int | None:
    """As `positions`, of a configuration at hand."""
    limit: int | None = getattr(config, "max_position_embeddings", None)
    if limit is None or limit <= 0 or config.model_type in _RELATIVE_POSITIONS:
        return None
    if config.model_type in _POSITIONS_AFTER_PADDING:
        return limit - (config.pad_token_id or 0) - 1
    return limit


_RELATIVE_POSITIONS = ("deberta", "deberta-v2", "t5", "xlnet")
_POSITIONS_AFTER_PADDING = ("camembert", "data2vec-text", "ibert", "longformer", "mpnet", "roberta", "xlm-roberta")
"""Architectures that number positions from the padding id on."""


def tokenizer(model_name: str, **kwargs: Any) -> PreTrainedTokenizerBase:
    """The named tokenizer, its own instance each time: a shared one is not safe with two truncation settings.

    The signature is that of `allennlp.common.cached_transformers.get_tokenizer`. It passes `add_special_tokens`,
    which is an argument of the call and, since transformers 4.4x, no longer one of the constructor.
    """
    kwargs = {key: value for key, value in without_places(kwargs).items() if key != "add_special_tokens"}
    place = folder(model_name, ["tokenizer.json or vocab.txt", "tokenizer_config.json", "config.json"])
    return AutoTokenizer.from_pretrained(place, local_files_only=True, trust_remote_code=False, **kwargs)


def without_places(options: Mapping[Any, Any]) -> dict[Any, Any]:
    """Options of a tokenizer or model without those that name a file, a folder or code to take parts of it from."""
    return {
        key: without_places(value) if isinstance(value, dict) else value
        for key, value in options.items()
        if not (isinstance(key, str) and _PLACE.search(key))
    }


_PLACE = re.compile(r"_files?$|_dir$|^_|^(auto_map|attn_implementation|subfolder|trust_remote_code|local_files_only)$")
"""transformers takes an attn_implementation of the form org/name for code to fetch and run."""


def _candidates(name: str) -> list[str]:
    """Names to try: the whole one where it could be a hub id, then its last part (a path of another machine)."""
    parts = [part for part in PurePosixPath(name).parts if part not in {"/", "..", "."}]
    if not parts:
        return []
    last = parts[-1]
    for suffix in _ARCHIVE_SUFFIXES:
        last = last.removesuffix(suffix)
    is_hub_id = len(parts) == 2 and not name.startswith("/")
    return ["/".join([parts[0], last]), last] if is_hub_id else [last]


def _plain_folder(directory: Path | None, name: str) -> Path | None:
    found = directory / name if directory else None
    return found if found is not None and found.is_dir() else None


def _cache_folder(directory: Path | None, name: str) -> Path | None:
    """`name` in the layout of the Hugging Face cache: the snapshot that refs/main points to, else the newest."""
    cached = directory / f"models--{name.replace('/', '--')}" if directory else None
    if cached is None or not cached.is_dir():
        return None
    main = cached / "refs" / "main"
    if main.is_file():
        snapshot = cached / "snapshots" / main.read_text(encoding="utf-8").strip()
        if snapshot.is_dir():
            return snapshot
    snapshots = sorted((cached / "snapshots").glob("*"), key=lambda path: path.stat().st_mtime)
    return snapshots[-1] if snapshots else None


def _missing(name: str, wanted: Sequence[str]) -> NotInHub:
    place = (_candidates(name) or [name])[0]
    files = " and ".join(wanted)
    if _directory.get() is None:
        where = f"set the hub directory (VITRINE_HUB_DIR) and put {files} into its folder {place}/"
    else:
        where = f"put {files} into the folder {place}/ of the hub directory (VITRINE_HUB_DIR)"
    return NotInHub(f"it refers to {name!r}, which is not in the hub directory: {where}")
