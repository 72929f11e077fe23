"""GET / for a browser: the playground. Its files lie under /playground/{release}/, where they may be kept for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from app.playground_files import PlaygroundFile, read_files

FILE_PATH = "/playground/{release}/{file}"
ALWAYS_ASK = "no-cache"
FOR_EVER = "public, max-age=31536000, immutable"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Nothing of other hosts, nothing written into the page, and no text that could become code."""
GUARDS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


class BrowserRoute(Route):
    """Only for those who ask for HTML by name; the others go on to the next route."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and "text/html" not in Headers(scope=scope).get("accept", ""):
            return Match.NONE, {}
        return super().matches(scope)


def playground_routes() -> Iterator[Route]:
    playground = read_files()

    async def page(request: Request) -> Response:
        return _answer(
            request, playground.page, {**GUARDS, "cache-control": ALWAYS_ASK, "vary": "Accept, Accept-Encoding"}
        )

    async def file(request: Request) -> Response:
        found = playground.files.get(request.path_params["file"])
        if found is None:
            raise HTTPException(404)
        is_own = request.path_params["release"] == playground.release
        kept = FOR_EVER if is_own else ALWAYS_ASK
        return _answer(request, found, {**GUARDS, "cache-control": kept, "vary": "Accept-Encoding"})

    yield BrowserRoute("/", page, methods=["GET"], name="playground")
    yield Route(FILE_PATH, file, methods=["GET"], name="playground_file")


def _answer(request: Request, file: PlaygroundFile, headers: Mapping[str, str]) -> Response:
    headers = {**headers, "etag": file.etag}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" not in request.headers.get("accept-encoding", "") or file.compressed is file.content:
        return Response(file.content, headers=headers, media_type=file.media_type)
    return Response(file.compressed, headers={**headers, "content-encoding": "gzip"}, media_type=file.media_type)
