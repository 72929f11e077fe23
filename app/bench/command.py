"""vitrine bench: what a server makes of one archive, beside the bare model."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.terminal import Hub, fail

if TYPE_CHECKING:
    from app.bench.bare import BareModel
    from models.classifier import Classifier

LEAST_INSTANCES = 64
CLIENTS = [1, 8, 32, 128]

Archive = Annotated[Path, typer.Argument(help="A model.tar.gz, an unpacked archive or a checkpoint directory.")]
Texts = Annotated[
    typer.FileText,
    typer.Argument(help="A JSON instance on each line, as for `vitrine predict`; - is stdin. At least 64 lines."),
]
Url = Annotated[str | None, typer.Option(help="A server that runs already; without it one is started.")]
Name = Annotated[str | None, typer.Option(help="The model's name there; the archive's where not given.")]
Clients = Annotated[list[int], typer.Option(min=1, help="Concurrent clients, one instance a request. Repeatable.")]
Bulk = Annotated[int, typer.Option(min=2, help="Instances in a large request; four clients send those.")]
Rounds = Annotated[int, typer.Option(min=1, help="Rounds; each measures every row once.")]
Seconds = Annotated[float, typer.Option(min=0.1, help="Seconds for one row in one round.")]
Threads = Annotated[int, typer.Option(min=0, help="Of the bare model, and of a server started here; 0: all cores.")]
Device = Annotated[str, typer.Option(help="Of both: auto, cpu, cuda or cuda:N.")]
Precision = Annotated[Literal["fp32", "bf16"], typer.Option(help="Of both; answers are held against fp32's.")]
Serve = Annotated[
    list[str],
    typer.Option(help="An option for the server started here, say --serve=--max-batch-items=32. Repeatable."),
]


def bench(
    archive: Archive,
    texts: Texts,
    url: Url = None,
    model: Name = None,
    clients: Clients = CLIENTS,
    bulk: Bulk = 64,
    rounds: Rounds = 5,
    seconds: Seconds = 3.0,
    threads: Threads = 0,
    device: Device = "auto",
    precision: Precision = "fp32",
    serve: Serve = [],  # noqa: B006 - typer reads it
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
    hub_dir: Hub = None,
) -> None:
    """Measure a server beside the bare model, on your archive and texts.

    Gives instances a second, their share of what the model does alone on batches of 32 in order of length,
    and latencies of requests. The last row sends at 70 % of the best rate, however long answers take; its
    latencies count from when a request was due.

    Every answer is held against the offline model's. Exits with 1 where a request failed, or where more than
    0.5 % of the labels are others than offline.

    Say: vitrine bench store/reviews.tar.gz texts.jsonl --clients 8 --clients 64
    """
    import torch  # noqa: PLC0415

    from app.bench import comparison  # noqa: PLC0415
    from app.bench.expected import expected_of  # noqa: PLC0415
    from app.cpus import available_cpus  # noqa: PLC0415

    torch.set_num_threads(threads or available_cpus())
    classifier, instances = _read(archive, texts, hub_dir, at_least=max(bulk, LEAST_INSTANCES))
    expected = expected_of(classifier, [classifier.featurize(instance) for instance in instances])
    bare = _bare(classifier, device, precision)
    options = ["--threads", str(threads), "--device", device, "--precision", precision, *serve]
    options += ["--hub-dir", str(hub_dir)] if hub_dir else []
    with _server(archive, url, options) as address:
        path = f"/v1/models/{model or _name(archive)}:predict"
        compared = comparison.Comparison(bare, expected, instances, address, path, seconds)
        for number in range(rounds):
            compared.closed_round(number, clients, bulk)
        for number in range(rounds):
            compared.open_round(number)
    _show(comparison.as_json(compared) if as_json else comparison.as_markdown(compared))
    if problem := compared.problem():
        fail(problem)


def _read(archive: Path, texts: Any, hub: Path | None, *, at_least: int) -> tuple[Classifier, list[Any]]:
    import orjson  # noqa: PLC0415

    from models.errors import ArchiveError, InvalidInstance  # noqa: PLC0415
    from models.loading import load_classifier  # noqa: PLC0415

    if not archive.exists():
        fail(f"there is no archive at {str(archive)!r}.")
    lines = [(number, line) for number, line in enumerate(texts, start=1) if line.strip()]
    number = 0
    instances = []
    try:
        classifier = load_classifier(archive, hub=hub)
        for number, line in lines:  # noqa: B007 - the errors name it
            instances.append(orjson.loads(line))
            classifier.featurize(instances[-1])
    except orjson.JSONDecodeError as error:
        fail(f"line {number} of the texts is not JSON: {error}.")
    except InvalidInstance as error:
        fail(f"line {number} of the texts: {error}")
    except ArchiveError as error:
        fail(str(error))
    if len(instances) < at_least:
        fail(f"the texts are {len(instances)} instances; give at least {at_least}, as many as a large request holds.")
    return classifier, instances


def _bare(classifier: Classifier, device: str, precision: str) -> BareModel:
    from app.bench.bare import BareModel  # noqa: PLC0415
    from app.device import choose_device  # noqa: PLC0415
    from models.precision import FULL, PrecisionRefused, reduce_precision  # noqa: PLC0415

    try:
        chosen = choose_device(device)
        if precision != FULL:
            reduce_precision(classifier, precision)
    except ValueError as error:
        fail(str(error))
    except PrecisionRefused as reason:
        fail(f"the model stays in {FULL}: {reason}.")
    return BareModel(classifier, chosen)


@contextmanager
def _server(archive: Path, url: str | None, options: Sequence[str]) -> Iterator[str]:
    import subprocess  # noqa: PLC0415

    from app.bench.serving import NotServed, serving  # noqa: PLC0415

    try:
        if url:
            yield url
        else:
            with serving(archive, options) as running:
                yield running.url
    except NotServed as error:
        fail(f"the server did not start:\n{error}")
    except (subprocess.SubprocessError, ValueError, KeyError) as error:
        reason = f"{url or 'the server'} could not be measured ({type(error).__name__})"
        fail(f"{reason}. Is it up, and the model's name right?")


def _name(archive: Path) -> str:
    from models.archive import archive_name  # noqa: PLC0415

    return archive_name(archive)


def _show(found: Any) -> None:
    if isinstance(found, str) and not sys.stdout.isatty():
        typer.echo(found)
    elif isinstance(found, str):
        from rich.console import Console  # noqa: PLC0415
        from rich.markdown import Markdown  # noqa: PLC0415

        Console().print(Markdown(found))
    else:
        import orjson  # noqa: PLC0415

        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
