"""vitrine versions | export: the label versions of a model, without a server."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.options import settings_from
from app.store import ARCHIVE_SUFFIX, model_paths
from app.terminal import Hub, fail

if TYPE_CHECKING:
    from app.label_store import LabelStore, VersionInfo

Model = Annotated[str, typer.Argument(help="A model of the store by its name, or the path of an archive.")]
Store = Annotated[Path, typer.Option(envvar="VITRINE_STORE", help="Directory of the models.")]


def versions(
    model: Model,
    store: Store = Path("store"),
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
) -> None:
    """List the label versions of a model, and which one answers."""
    found = _locate(model, store)
    rows = [_row(info, found.active) for info in found.versions.versions(found.name, found.base)]
    rows.insert(0, {"version": 1, "state": "ok", "active": found.active == 1, "reason": "the archive's own labels"})
    if as_json:
        import orjson  # noqa: PLC0415

        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("version", "state", "labels", "parent", "created", "author", "reason", title=found.name)
    for row in rows:
        number = f"{row['version']}{' *' if row['active'] else ''}"
        cells = [row.get(key, "") for key in ("state", "labels", "parent", "created", "author", "reason")]
        table.add_row(number, *(str(len(cell) if isinstance(cell, list) else cell) for cell in cells))
    Console().print(table)
    if found.active == 1 and len(rows) > 1:
        typer.echo("The archive's own labels answer.")


def export(
    model: Model,
    output: Annotated[Path, typer.Argument(metavar="OUT.tar.gz", help="The archive to write.")],
    store: Store = Path("store"),
    version: Annotated[
        int | None, typer.Option(min=1, help="A label version; where not given, the one in use.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    hub_dir: Hub = None,
) -> None:
    """Write a model with the labels it has learned as an archive that its original library opens."""
    found = _locate(model, store)
    _check_output(output, found.path, force=force)
    settings_from({})
    from app.errors import LabelStoreError  # noqa: PLC0415
    from models.errors import ArchiveError  # noqa: PLC0415
    from models.export import export as write  # noqa: PLC0415
    from models.export import own_label_set  # noqa: PLC0415

    number = version or found.active
    try:
        if number == 1:
            labels, tensors = own_label_set(found.path, hub=hub_dir)
        else:
            read = found.versions.read(found.name, number, found.base)
            labels, tensors = read.labels, read.tensors
        write(found.path, output, labels, tensors, hub=hub_dir)
    except (LabelStoreError, ArchiveError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{str(output)!r} cannot be written: {error.strerror or type(error).__name__}.")
    typer.echo(f"{output}: {found.name}, label version {number}, {len(labels)} labels.")


@dataclass(frozen=True)
class Located:
    """A model on disk, with its label versions and the one that answers."""

    name: str
    path: Path
    base: str
    versions: LabelStore
    active: int


def _locate(model: str, store: Path) -> Located:
    """A name of the store goes before a path; a path has the label versions of the folder that it lies in."""
    import structlog  # noqa: PLC0415

    from app.label_store import LabelStore  # noqa: PLC0415
    from models.archive import archive_checksum, archive_name  # noqa: PLC0415

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    paths = model_paths(store) if store.is_dir() else {}
    path = paths.get(model) or Path(model)
    if not path.exists():
        choices = f"; the store has {', '.join(paths)}" if paths else f"; the store {str(store)!r} has no models"
        fail(f"there is no model and no archive {model!r}{choices}.")
    name = model if model in paths else archive_name(path.resolve())
    root = store if model in paths else path.resolve().parent
    base = archive_checksum(path)
    label_store = LabelStore(root)
    try:
        return Located(name, path, base, label_store, label_store.active(name, base))
    except ValueError as error:
        fail(str(error))


def _row(info: VersionInfo, active: int) -> dict[str, Any]:
    row: dict[str, Any] = {"version": info.number, "state": info.state.value, "active": info.number == active}
    if info.record:
        said = info.record
        row |= {"labels": list(said.labels), "parent": said.parent, "created": said.created.isoformat("T", "seconds")}
        row |= {"author": said.author, "reason": said.reason}
    return row | ({"reason": info.problem} if info.problem else {})


def _check_output(output: Path, source: Path, *, force: bool) -> None:
    if not output.name.endswith(ARCHIVE_SUFFIX):
        fail(f"{str(output)!r} should end with {ARCHIVE_SUFFIX}.")
    if not output.parent.is_dir():
        fail(f"there is no folder {str(output.parent)!r}.")
    if output.exists() and output.samefile(source):
        fail("an archive cannot be written over itself: its label versions would belong to no archive any more.")
    if output.exists() and not force:
        fail(f"{str(output)!r} is there already; --force writes over it.")
