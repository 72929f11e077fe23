"""vitrine keys: the file of callers' keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from app.durable import locked
from app.keys import Key, KeyFileError, Scope, new_key, read_keys, write_keys
from app.terminal import fail

LOCK_SECONDS = 5.0

keys = typer.Typer(name="keys", help="Make, list and remove the keys of callers.", no_args_is_help=True)

File = Annotated[Path, typer.Option("--file", envvar="VITRINE_KEY_FILE", help="The key file.")]
Name = Annotated[str, typer.Argument(help="Whose key it is, for logs and versions.")]


@keys.command()
def add(
    name: Name,
    file: File,
    scope: Annotated[list[str], typer.Option(help="predict or admin; admin may also predict.")] = ["predict"],  # noqa: B006
    model: Annotated[list[str], typer.Option(help="A model, or a pattern such as reviews-*.")] = ["*"],  # noqa: B006
) -> None:
    """Make a key and print it, once: the file keeps its hash. A name may have several, to change one without a gap."""
    scopes: list[Scope] = ["admin" if one == "admin" else "predict" for one in scope]
    if unknown := set(scope) - {"predict", "admin"}:
        fail(f"{unknown.pop()!r} is no scope. Choose from: predict, admin.")
    try:
        secret, key = new_key(name, scopes, model)
    except ValidationError:
        fail(f"{name!r} is no name for a key. Use letters, digits, '.', '_' and '-'.")
    _change(file, lambda known: [*known, key])
    typer.echo(secret)


@keys.command("list")
def list_keys(file: File) -> None:
    """Names, scopes and models; the beginning of a hash tells keys of one name apart."""
    for key in _read(file):
        typer.echo(f"{key.name}\t{key.sha256[:8]}\t{','.join(key.scopes)}\t{','.join(key.models)}\t{key.created:%F}")


@keys.command()
def remove(
    name: Name,
    file: File,
    fingerprint: Annotated[str, typer.Option(help="Only the key whose hash begins so.")] = "",
) -> None:
    """Remove the keys of a name. Servers refuse them from their next request on."""

    def without(known: list[Key]) -> list[Key]:
        left = [key for key in known if key.name != name or not key.sha256.startswith(fingerprint)]
        if len(left) == len(known):
            fail(f"there is no such key of {name!r}.")
        return left

    _change(file, without)


def _change(file: Path, change: Callable[[list[Key]], list[Key]]) -> None:
    try:
        with locked(file.with_name(f".{file.name}.lock"), LOCK_SECONDS):
            write_keys(file, change(_read(file) if file.exists() else []))
    except (OSError, TimeoutError) as error:
        fail(f"the key file cannot be written: {error.strerror or error}.")


def _read(file: Path) -> list[Key]:
    try:
        return read_keys(file).keys
    except KeyFileError as error:
        fail(str(error))
