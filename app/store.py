"""The model store: a directory with one archive, unpacked archive or checkpoint for each model."""

from __future__ import annotations

import re
from pathlib import Path

ARCHIVE_SUFFIX = ".tar.gz"
MODEL_FILES = ("config.json", "model.tar.gz")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def model_paths(store: Path) -> dict[str, Path]:
    """Model names, sorted, with their paths. What is neither an archive nor a directory that holds one is ignored.

    An archive file goes before a directory of the same name.
    """
    found: dict[str, Path] = {}
    for path in sorted(store.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        name = path.name.removesuffix(ARCHIVE_SUFFIX)
        if NAME.fullmatch(name) and _holds_model(path):
            found.setdefault(name, path)
    return dict(sorted(found.items()))


def _holds_model(path: Path) -> bool:
    if path.is_dir():
        return any((path / name).is_file() for name in MODEL_FILES)
    # A link that leads nowhere is a model that fails with a reason, not one that nobody misses.
    return path.name.endswith(ARCHIVE_SUFFIX) and (path.is_file() or path.is_symlink())
