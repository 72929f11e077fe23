"""vitrine serve | demo | inspect | predict | explain | bench | versions | export | keys.

A command imports what it needs when it runs: --help is fast.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from app import key_commands, label_commands
from app.bench.command import bench
from app.options import settings_from, with_settings
from app.settings import Settings
from app.terminal import Hub, fail

if TYPE_CHECKING:
    from models.classifier import Classifier

app = typer.Typer(
    name="vitrine", help="Serve archived text classifiers.", no_args_is_help=True, pretty_exceptions_enable=False
)

Archive = Annotated[Path, typer.Argument(help="A model.tar.gz, an unpacked archive or a checkpoint directory.")]
Device = Annotated[str, typer.Option(envvar="VITRINE_DEVICE", help="auto, cpu, cuda or cuda:N.")]


Norm = StrEnum("Norm", ["none", "l1", "l2"])
Level = StrEnum("Level", ["token", "word", "field"])


def main() -> None:
    app()


@app.command("serve")
@with_settings
def serve(settings: Settings) -> None:
    """Serve the models of a store over HTTP. Every option is also a VITRINE_* variable."""
    if settings.demo:
        make_demo_when_empty(settings.store)
    if not settings.store.is_dir():
        fail(f"the store {str(settings.store)!r} is not a directory. Make it, name another (--store), or add --demo.")
    from app.server import serve as run  # noqa: PLC0415

    try:
        status = run(settings)
    except ValueError as error:
        fail(str(error))
    raise typer.Exit(status)


def make_demo_when_empty(store: Path) -> None:
    from app.store import model_paths  # noqa: PLC0415

    store.mkdir(parents=True, exist_ok=True)
    if not model_paths(store):
        make_demo(store)


def make_demo(store: Path) -> None:
    from app.demo.store import make_demo_store  # noqa: PLC0415

    try:
        make_demo_store(store)
    except ChildProcessError as error:
        fail(str(error))


@app.command()
def demo(
    store: Annotated[Path, typer.Option(envvar="VITRINE_STORE", help="Where to put them.")] = Path("store"),
) -> None:
    """Train the demo models and put them into a store."""
    store.mkdir(parents=True, exist_ok=True)
    make_demo(store)


@app.command()
def predict(
    archive: Archive,
    lines: Annotated[
        typer.FileText, typer.Argument(metavar="[INPUT]", help="A JSON instance on each line; - is stdin.")
    ] = "-",  # type: ignore[assignment]  # typer opens it
    top_k: Annotated[int | None, typer.Option(min=1, help="List so many labels; all where not given.")] = None,
    logits: Annotated[bool, typer.Option(help="Give logits too.")] = False,
    device: Device = "auto",
    hub_dir: Hub = None,
    max_batch_items: Annotated[int, typer.Option(min=1, help="Instances in one batch.")] = 64,
    max_batch_tokens: Annotated[int, typer.Option(min=1, help="Padded tokens in one batch.")] = 16_384,
) -> None:
    """Predict without a server: JSON lines in, JSON lines out. Exits with 1 where a line had no answer."""
    import orjson  # noqa: PLC0415

    from app.answers import AnswerOptions  # noqa: PLC0415
    from app.device import choose_device  # noqa: PLC0415
    from app.offline import OfflinePredictor  # noqa: PLC0415
    from models.errors import ArchiveError  # noqa: PLC0415

    try:
        chosen = choose_device(device)
        classifier = _load(archive, hub_dir)
    except (ValueError, ArchiveError) as error:
        fail(str(error))
    predictor = OfflinePredictor(
        classifier,
        chosen,
        options=AnswerOptions(top_k, logits),
        batch_items=max_batch_items,
        batch_tokens=max_batch_tokens,
    )
    failed = False
    for answer in predictor.predict(_with_progress(lines)):
        failed = failed or "error" in answer
        sys.stdout.write(orjson.dumps(answer).decode() + "\n")
    raise typer.Exit(1 if failed else 0)


@app.command()
def explain(
    archive: Archive,
    lines: Annotated[
        typer.FileText, typer.Argument(metavar="[INPUT]", help="A JSON instance on each line; - is stdin.")
    ] = "-",  # type: ignore[assignment]  # typer opens it
    method: Annotated[str, typer.Option(help="integrated_gradients, saliency, ...")] = "integrated_gradients",
    target: Annotated[str | None, typer.Option(help='A label, or "all"; the predicted one where not given.')] = None,
    n_steps: Annotated[str | None, typer.Option(help='Steps of the path, or "auto".')] = None,
    baseline: Annotated[str | None, typer.Option(help="pad, zero or mask.")] = None,
    normalize: Annotated[Norm, typer.Option(help="What attributions are divided by.")] = Norm.none,
    level: Annotated[Level, typer.Option(help="What gets one attribution.")] = Level.token,
    html: Annotated[Path | None, typer.Option(help="Draw the explanations into this page too.")] = None,
    png: Annotated[Path | None, typer.Option(help="Draw them into this image too; needs matplotlib.")] = None,
    device: Device = "auto",
    hub_dir: Hub = None,
) -> None:
    """Explain without a server: JSON lines in, JSON lines out. Exits with 1 where a line had no explanation."""
    import orjson  # noqa: PLC0415

    from app.device import choose_device  # noqa: PLC0415
    from app.errors import InvalidParameters  # noqa: PLC0415
    from app.explain_files import PictureFiles  # noqa: PLC0415
    from app.explanation import ExplainOptions  # noqa: PLC0415
    from app.offline_explain import OfflineExplainer  # noqa: PLC0415
    from models.errors import ArchiveError  # noqa: PLC0415

    try:
        files = PictureFiles(html, png)
        steps: Any = int(n_steps) if n_steps and n_steps != "auto" else n_steps
        chosen: dict[str, Any] = {"normalize": normalize.value, "level": level.value}
        options = ExplainOptions(method, target, steps, baseline, **chosen)
        classifier = _load(archive, hub_dir)
        explainer = OfflineExplainer(classifier, choose_device(device), options, settings_from({}).max_explain_steps)
    except (ValueError, ArchiveError, InvalidParameters) as error:
        fail(str(error))
    failed = False
    with closing(explainer):
        for answer in explainer.explain(_with_progress(lines, "explain")):
            failed = failed or "error" in answer
            sys.stdout.write(orjson.dumps(answer).decode() + "\n")
            files.add(answer)
    try:
        files.write()
    except OSError as error:
        fail(f"the picture could not be written: {error.strerror}.")
    raise typer.Exit(1 if failed else 0)


def _with_progress(lines: TextIO, doing: str = "predict") -> Iterator[str]:
    """The lines, counted on stderr where that is a terminal."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (SpinnerColumn(), TextColumn("{task.completed} lines"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(doing, total=None)
        for line in lines:
            progress.advance(task)
            yield line


@app.command()
def inspect(
    archive: Archive,
    hub_dir: Hub = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
) -> None:
    """What an archive holds: kind, labels, inputs, source. Exits with 1 where it cannot be served."""
    from app.inspection import as_table, facts, problem  # noqa: PLC0415
    from models.errors import ArchiveError  # noqa: PLC0415

    try:
        found = facts(_load(archive, hub_dir))
    except ArchiveError as error:
        found = problem(error)
    if as_json:
        import orjson  # noqa: PLC0415

        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        from rich.console import Console  # noqa: PLC0415

        Console().print(as_table(archive.name, found))
    raise typer.Exit(1 if found["problems"] else 0)


app.command()(bench)
app.command()(label_commands.versions)
app.command()(label_commands.export)
app.add_typer(key_commands.keys)


def _load(archive: Path, hub: Path | None) -> Classifier:
    """Raises ArchiveError."""
    from models.loading import load_classifier  # noqa: PLC0415

    if not archive.exists():
        fail(f"there is no archive at {str(archive)!r}.")
    settings_from({})
    return load_classifier(archive, hub=hub)


if __name__ == "__main__":
    main()
