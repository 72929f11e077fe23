"""The files that `vitrine explain` draws into."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.explain_image import MISSING, can_draw, image
from app.explain_page import page
from app.explain_picture import Picture, picture


class PictureFiles:
    """Collects explanations, and writes them as a page, as an image, or both.

    Raises ValueError, before anything is explained, for files that could not be written.
    """

    def __init__(self, html: Path | None, png: Path | None) -> None:
        for path in (html, png):
            if path and (path.is_dir() or not path.parent.is_dir()):
                raise ValueError(f"{str(path)!r} cannot be written. Name a file in a folder that exists.")
        if png and not can_draw():
            raise ValueError(MISSING)
        self._html, self._png = html, png
        self._pictures: list[Picture] = []

    def add(self, answer: Mapping[str, Any]) -> None:
        if self._html or self._png:
            self._pictures.append(picture(answer))

    def write(self) -> None:
        """Raises OSError."""
        if self._html:
            self._html.write_text(page(self._pictures), encoding="utf-8")
        if self._png:
            self._png.write_bytes(image(self._pictures))
