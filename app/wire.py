"""JSON in and out of a plain ASGI route: what the hot path uses instead of request and response objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from app.errors import ClientGone, MalformedBody, RequestTooLarge, UnsupportedMedia

JSON = b"application/json"
Header = tuple[bytes, bytes]


def require_json(scope: Scope) -> None:
    """Raises UnsupportedMedia for a body that is declared as something else. None declared is taken as JSON."""
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value.partition(b";")[0].strip().lower()
            if kind not in {JSON, b""} and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
                raise UnsupportedMedia("The body must be JSON. Send it with Content-Type: application/json.")
        elif name == b"content-encoding" and value.strip().lower() not in {b"identity", b""}:
            raise UnsupportedMedia("The body must not be compressed. Send it without Content-Encoding.")


async def read_body(receive: Receive) -> bytes:
    """The whole body; its length is bounded by the middleware. Raises ClientGone."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        return bytes(message.get("body", b""))
    chunks = []
    while message["type"] == "http.request":
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()
    raise ClientGone


def parse_json(body: bytes) -> Any:
    """Strict JSON. Raises MalformedBody: not UTF-8, a lone surrogate, NaN, too deep, cut short; RequestTooLarge."""
    if len(body) > MOST_VALUES and sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise RequestTooLarge(f"The body holds more than {MOST_VALUES} values. Split the request.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"The body is not JSON that can be read: {error}.") from None


MOST_VALUES = 500_000
"""Reading more holds up everybody for too long. Commas and brackets count, those of texts too."""


async def send_json(send: Send, status: int, body: Any, headers: Mapping[bytes, bytes] | None = None) -> None:
    content = orjson.dumps(body)
    head: list[Header] = [(b"content-type", JSON), (b"content-length", b"%d" % len(content))]
    if headers:
        head.extend(headers.items())
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": content})
