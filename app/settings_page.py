"""docs/settings.md, made of the settings themselves: `python -m app.settings_page` prints it, `make docs` writes it."""

from __future__ import annotations

import sys

from pydantic.fields import FieldInfo

from app.settings import Settings

HEAD = """# Settings

Made by `make docs` from `app/settings.py`. Each is an option of `vitrine serve` (`--max-batch-items`) and an
environment variable (`VITRINE_MAX_BATCH_ITEMS`); the option goes first.

| setting | default | |
|---|---|---|
"""


def settings_page() -> str:
    return HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    default = "" if field.default is None else f"`{field.default}`"
    description = (field.description or "").replace("|", "\\|")
    return f"| `{name}` | {default} | {description} |\n"


if __name__ == "__main__":
    sys.stdout.write(settings_page())
