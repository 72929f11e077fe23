"""Keys of callers: who each is, what it may do, on which models. The file holds their hashes only.

    {"keys": [{"name": "ci", "sha256": "5f0c...", "scopes": ["predict"], "models": ["*"], "created": "2026-01-31T..."}]}

Keys are 32 random bytes, which nobody guesses; so a plain SHA-256 is as good as a slow hash, and costs a microsecond.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.durable import write_durably

log = structlog.get_logger(__name__)

Scope = Literal["predict", "admin"]
SCHEME = "bearer "
KEY_PREFIX = "vt_"
"""So that scanners for leaked secrets know one when they see it."""


class Key(BaseModel):
    """`models` are names or patterns (`reviews-*`). admin may also predict."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False)
    scopes: list[Scope] = Field(min_length=1)
    models: list[str] = ["*"]
    created: datetime

    def may(self, scope: Scope, model: str | None) -> bool:
        """`model` is None where no single one is asked about."""
        scoped = scope in self.scopes or "admin" in self.scopes
        return scoped and (model is None or any(fnmatchcase(model, pattern) for pattern in self.models))


class Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: list[Key] = []


class KeyFileError(ValueError):
    """The key file cannot be used. The message says why; it quotes nothing of the file."""


def read_keys(path: Path) -> Keys:
    """Raises KeyFileError."""
    try:
        return Keys.model_validate_json(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"the key file cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        places = ", ".join(".".join(map(str, one["loc"])) or "the file" for one in error.errors()[:5])
        raise KeyFileError(f"the key file is not valid at: {places}. Make it with `vitrine keys add`.") from None


def write_keys(path: Path, keys: Sequence[Key]) -> None:
    """Whole or not at all, for the owner's eyes only. Raises OSError."""
    write_durably(path, Keys(keys=list(keys)).model_dump_json(indent=2).encode(), mode=0o600)


def new_key(name: str, scopes: Sequence[Scope], models: Sequence[str]) -> tuple[str, Key]:
    """A key, to be shown once, and what is kept of it. Raises ValidationError."""
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    kept = Key(
        name=name,
        sha256=hashlib.sha256(secret.encode()).hexdigest(),
        scopes=list(scopes),
        models=list(models) or ["*"],
        created=datetime.now(UTC).replace(microsecond=0),
    )
    return secret, kept


def bearer(headers: Mapping[str, str]) -> str:
    """The key that a request sends; empty where it sends none."""
    authorization = headers.get("authorization", "")
    return authorization[len(SCHEME) :].strip() if authorization.lower().startswith(SCHEME) else ""


class KeyFile:
    """The keys of a file, read again when it changes. A file that is broken by then leaves the last good ones."""

    def __init__(self, path: Path) -> None:
        """Raises KeyFileError."""
        self._path = path
        self._read_at = _stamp(path)
        self._keys = read_keys(path).keys

    def find(self, secret: str) -> Key | None:
        """Whose key it is. The time it takes tells nothing of the keys there are."""
        self._refresh()
        sent = hashlib.sha256(secret.encode()).hexdigest()
        found = [key for key in self._keys if hmac.compare_digest(sent, key.sha256)]
        return found[0] if found and secret else None

    def _refresh(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._read_at:
            return
        self._read_at = stamp
        try:
            self._keys = read_keys(self._path).keys
        except KeyFileError as error:
            log.error("key file refused", reason=str(error), hint="The keys that were read before still hold.")
        else:
            log.info("keys read", keys=len(self._keys))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
