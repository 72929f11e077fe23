"""The playground's files as they are sent: read once, named by their contents, compressed once."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.explain_colours import css

FOLDER = Path(__file__).parent / "playground"
PAGE = "index.html"
COLOURS = "colours.css"
RELEASE = b"{release}"
"""What stands in the page for the release that its files are of."""
MODULES = b"{modules}"
"""Where the page names its modules, so that a browser asks for all of them at once."""
PRELOAD = '<link rel="modulepreload" href="playground/{release}/{name}">'
DIGEST_CHARS = 16
WORTH_COMPRESSING = 500

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class PlaygroundFile:
    media_type: str
    content: bytes
    compressed: bytes
    etag: str


@dataclass(frozen=True)
class PlaygroundFiles:
    """`files` by name, without the page. `release` changes when any of them does."""

    page: PlaygroundFile
    files: Mapping[str, PlaygroundFile]
    release: str


def read_files(folder: Path = FOLDER) -> PlaygroundFiles:
    contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in MEDIA_TYPES}
    page = contents.pop(PAGE)
    contents[COLOURS] = css().encode()
    release = _digest(b"".join(name.encode() + content for name, content in sorted(contents.items())))
    files = {name: _file(name, content) for name, content in contents.items()}
    page = page.replace(MODULES, _preloads(page, files)).replace(RELEASE, release.encode())
    return PlaygroundFiles(_file(PAGE, page), files, release)


def _preloads(page: bytes, files: Iterable[str]) -> bytes:
    modules = (name for name in files if name.endswith(".js") and name.encode() not in page)
    return "\n".join(PRELOAD.replace("{name}", name) for name in modules).encode()


def _file(name: str, content: bytes) -> PlaygroundFile:
    compressed = gzip.compress(content, mtime=0) if len(content) >= WORTH_COMPRESSING else content
    return PlaygroundFile(MEDIA_TYPES[Path(name).suffix], content, compressed, f'"{_digest(content)}"')


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGEST_CHARS]
