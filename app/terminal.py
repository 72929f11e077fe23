"""What the commands share: how they fail, and the options that several have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

Hub = Annotated[Path | None, typer.Option(envvar="VITRINE_HUB_DIR", help="Directory of transformers by name.")]


def fail(sentence: str) -> NoReturn:
    """Says it on stderr and ends with exit status 1."""
    typer.echo(f"vitrine: {sentence}", err=True)
    raise typer.Exit(1)
