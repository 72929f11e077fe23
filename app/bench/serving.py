"""`vitrine serve` of one archive, for as long as it is measured."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models.archive import archive_name


@dataclass(frozen=True)
class Running:
    url: str
    process: subprocess.Popen[bytes]


class NotServed(Exception):
    """The server ended before it served; the message has its last lines."""


@contextmanager
def serving(archive: Path, options: Sequence[str] = ()) -> Iterator[Running]:
    """A server of this archive alone on a free port, once it is loaded. Raises NotServed."""
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as folder:
        store, log = Path(folder) / "store", Path(folder) / "log"
        store.mkdir()
        (store / archive.name).symlink_to(archive.resolve())
        quiet = ["--port", "0", "--no-access-log", "--log-format", "json"]
        command = [sys.executable, "-m", "app.cli", "serve", "--store", str(store), *quiet, *options]
        with log.open("w") as written:
            process = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT)  # noqa: S603 - this very program
        try:
            yield Running(_address_once_loaded(process, log), process)
        finally:
            process.kill()
            process.wait()


def _address_once_loaded(process: subprocess.Popen[bytes], log: Path) -> str:
    while process.poll() is None:
        said = log.read_text()
        address = re.search(r"http://[\d.]+:\d+", said)
        loaded = re.search(r'"failed": ?(\d+).*"loaded"|"loaded".*"failed": ?(\d+)', said)
        if address and loaded:
            if loaded[1] == "0" or loaded[2] == "0":
                return address[0]
            break
        time.sleep(0.1)
    raise NotServed("".join(log.read_text().splitlines(keepends=True)[-5:]))


def predict_path(archive: Path) -> str:
    return f"/v1/models/{archive_name(archive)}:predict"
