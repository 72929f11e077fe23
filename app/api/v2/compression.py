"""gzip and deflate bodies, in and out. What comes in counts as long as it is once inflated."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping

from app.errors import BodyTooLarge, MalformedBody, UnsupportedMedia

WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""HTTP's deflate is zlib's format."""
LEVEL = 5
WORTH_BYTES = 1024
"""Below this a compressed answer saves no packet."""


def inflated(body: bytes, encoding: str, limit: int) -> bytes:
    """Raises UnsupportedMedia, MalformedBody, and BodyTooLarge before more than `limit` bytes are made."""
    if encoding in {"", "identity"}:
        return body
    if encoding not in WINDOW_BITS:
        raise UnsupportedMedia("The body may be compressed with gzip or deflate, with nothing else.")
    inflater = zlib.decompressobj(WINDOW_BITS[encoding])
    try:
        whole = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise MalformedBody(f"The body is not {encoding}, which its Content-Encoding says.") from None
    if len(whole) > limit:
        raise BodyTooLarge(limit)
    if not inflater.eof or inflater.unused_data:
        raise MalformedBody(f"The {encoding} body is cut short, or something comes behind it.")
    return whole


def accepted_encoding(accept: str) -> str | None:
    """gzip or deflate where an Accept-Encoding names one, gzip first."""
    offers = {name.strip().lower(): weight.replace(" ", "") for name, _, weight in _offers(accept)}
    for name in WINDOW_BITS:
        if name in offers and offers[name] not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}:
            return name
    return None


def _offers(accept: str) -> list[tuple[str, str, str]]:
    return [offer.partition(";") for offer in accept.split(",")]


DEFLATERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, LEVEL, mtime=0),
    "deflate": lambda body: zlib.compress(body, LEVEL),
}
