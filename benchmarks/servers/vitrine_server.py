"""`vitrine serve` of one archive alone: python -m benchmarks.servers.vitrine_server ARCHIVE [OPTION ...]."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from app.cli import app

if __name__ == "__main__":
    archive, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as store:
        (Path(store) / Path(archive).name).symlink_to(Path(archive).resolve())
        app(["serve", "--store", store, *options])
