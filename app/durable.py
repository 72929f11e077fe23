"""Small files that survive a killed process: each is there whole, old or new, or not at all.

Needs what POSIX file systems give: an atomic rename within a folder, and flock.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".new"
"""What a file is called while it is written. Writers of a folder hold its lock, so that one name is enough:
what a killed one left is written over."""

LOCK_POLL_S = 0.01


def write_durably(path: Path, data: bytes, mode: int = 0o644) -> None:
    """`path` holds `data`, on disk, when this returns. The caller holds the folder's lock. Raises OSError."""
    temporary = path.with_name(TEMPORARY)
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folder_durably(folder: Path) -> None:
    """Raises OSError. The folder above its parent must be there."""
    for each in (folder.parent, folder):
        if not each.is_dir():
            each.mkdir(exist_ok=True)
            sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """What was renamed into it stays so when the power goes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_plain_file(path: Path, limit: int) -> bytes:
    """Raises OSError, and ValueError for a link, a pipe, a folder or more than `limit` bytes."""
    if path.is_symlink():
        raise ValueError("is a link")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("is not a plain file")
        if status.st_size > limit:
            raise ValueError(f"is {status.st_size} bytes; the limit is {limit}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Held by one process and thread at a time; a killed one lets go of it.

    Raises TimeoutError where another holds it for longer than `seconds`, and OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        until = time.monotonic() + seconds
        while not _try_lock(descriptor):
            if time.monotonic() > until:
                raise TimeoutError(f"another writer has held the lock for {seconds:.0f} s")
            time.sleep(LOCK_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
