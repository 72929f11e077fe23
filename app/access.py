"""Who may change models: whoever sends a key that the server knows.

Keys are compared in constant time and appear nowhere: what is kept of one is the beginning of its hash.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from app.errors import AdminOff, KeyMissing
from app.settings import Settings

SCHEME = "bearer "
FINGERPRINT_CHARS = 8
ANYONE = "unauthenticated"


class Admins:
    def __init__(self, settings: Settings) -> None:
        given = settings.admin_keys.get_secret_value() if settings.admin_keys else ""
        self._hashes = [_hash(key.strip()) for key in given.split(",") if key.strip()]
        self._open = settings.allow_unauthenticated_admin
        self._open_on_loopback = settings.demo and is_loopback(settings.host)

    def authorize(self, headers: Mapping[str, str]) -> str:
        """Who it is, for the record. Raises KeyMissing and AdminOff."""
        if self._hashes:
            return self._of_key(headers.get("authorization", ""))
        if self._open:
            _refuse_other_sites(headers)
            return ANYONE
        if self._open_on_loopback:
            _refuse_other_sites(headers)
            if not is_loopback(_host_name(headers.get("host", ""))):
                raise AdminOff("Without a key this server is changed at its loopback address only.")
            return ANYONE
        raise AdminOff("Nobody may change models here: start the server with VITRINE_ADMIN_KEYS.")

    def _of_key(self, authorization: str) -> str:
        key = authorization[len(SCHEME) :].strip() if authorization.lower().startswith(SCHEME) else ""
        sent = _hash(key)
        # All of them, whichever fits: the time must not tell.
        known = [hmac.compare_digest(sent, one) for one in self._hashes]
        if not any(known):
            raise KeyMissing
        return f"key {sent.hex()[:FINGERPRINT_CHARS]}"


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
