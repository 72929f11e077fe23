"""Who may change models, or ask them: whoever sends a key that the server knows.

Keys are compared in constant time and appear nowhere: what is kept of one is its name, or the beginning of its hash.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from app.errors import AdminOff, KeyMissing, KeyNotEnough
from app.keys import KeyFile, Scope, bearer
from app.settings import Settings

FINGERPRINT_CHARS = 8
ANYONE = "unauthenticated"


class Access:
    def __init__(self, settings: Settings) -> None:
        """Raises KeyFileError."""
        given = settings.admin_keys.get_secret_value() if settings.admin_keys else ""
        self._hashes = [_hash(key.strip()) for key in given.split(",") if key.strip()]
        self._file = KeyFile(settings.key_file) if settings.key_file else None
        self._open = settings.allow_unauthenticated_admin
        self._open_on_loopback = settings.demo and is_loopback(settings.host)

    def authorize(self, headers: Mapping[str, str], model: str) -> str:
        """Who changes the model, for the record. Raises KeyMissing, KeyNotEnough and AdminOff."""
        if self._hashes or self._file:
            return self.key_of(headers, "admin", model)
        if self._open:
            _refuse_other_sites(headers)
            return ANYONE
        if self._open_on_loopback:
            _refuse_other_sites(headers)
            if not is_loopback(_host_name(headers.get("host", ""))):
                raise AdminOff("Without a key this server is changed at its loopback address only.")
            return ANYONE
        raise AdminOff("Nobody may change models here: start the server with VITRINE_ADMIN_KEYS.")

    def key_of(self, headers: Mapping[str, str], scope: Scope, model: str | None) -> str:
        """Whose key the request has. One of admin_keys may do all. Raises KeyMissing and KeyNotEnough."""
        secret = bearer(headers)
        sent = _hash(secret)
        # All of them, whichever fits: the time must not tell.
        known = [hmac.compare_digest(sent, one) for one in self._hashes]
        key = self._file.find(secret) if self._file else None
        if any(known):
            return f"key {sent.hex()[:FINGERPRINT_CHARS]}"
        if key is None:
            raise KeyMissing
        if not key.may(scope, model):
            raise KeyNotEnough(scope, model)
        return key.name


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _host_name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


def _refuse_other_sites(headers: Mapping[str, str]) -> None:
    """A page of another site can make a browser send this; without a key nothing else would tell."""
    origin = headers.get("origin")
    if origin and urlsplit(origin).netloc != headers.get("host"):
        raise AdminOff("Pages of other sites may not change models here.")
