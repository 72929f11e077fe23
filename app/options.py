"""Settings as command-line options, generated so that nothing is written twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args

import typer
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from app.settings import PREFIX, Settings


def with_settings(command: Callable[[Settings], None]) -> Callable[..., None]:
    """A command with one option for each setting, that calls `command` with the Settings."""

    def run(**options: Any) -> None:
        command(settings_from(options))

    fields = Settings.model_fields
    annotations = {name: Annotated[_type(field) | None, _option(name, field)] for name, field in fields.items()}
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # typer reads the options off the signature
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in annotations.items()
        ]
    )
    run.__annotations__ = annotations
    run.__doc__ = command.__doc__
    return run


def settings_from(options: dict[str, Any]) -> Settings:
    """Settings of the options that were given, else of the environment. Raises typer.Exit with the reasons."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        for one in error.errors():
            where = "".join(f"{part}: " for part in one["loc"])
            typer.echo(f"vitrine: {where}{one['msg'].removeprefix('Value error, ')}", err=True)
        raise typer.Exit(2) from None


def _type(field: FieldInfo) -> Any:
    """The field's type as typer knows it: a secret is typed as text."""
    kinds = [kind for kind in get_args(field.annotation) if kind is not type(None)]
    kind = kinds[0] if kinds and type(None) in get_args(field.annotation) else field.annotation
    return str if kind is SecretStr else kind


def _option(name: str, field: FieldInfo) -> Any:
    option = f"--{name.replace('_', '-')}"
    if field.annotation is bool:
        option = f"{option}/--no-{name.replace('_', '-')}"
    default = "" if field.default is None else str(field.default)
    if isinstance(field.default, bool):
        default = "on" if field.default else "off"
    shown = f"{field.description} Default: {default}." if default else field.description
    return typer.Option(option, help=f"{shown} ({PREFIX}{name.upper()})", show_default=False)
