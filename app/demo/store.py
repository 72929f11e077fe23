"""The demo store: every demo model, trained and written as the archive that its library would have written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.demo.recipes import RECIPES, Recipe
from app.demo.side_by_side import Written, train_all
from app.demo.training import SEED, Result
from models.archive import SUFFIX, written_whole


def make_demo_store(
    store: Path, *, console: Console | None = None, seed: int = SEED, recipes: Sequence[Recipe] = RECIPES
) -> list[Result]:
    """Trains every demo model and writes `<name>.tar.gz` files into `store`, which is made where it is missing.

    Nothing is written before all are trained: an interrupted run leaves the store as it was.
    """
    console = console or Console(stderr=True)
    columns = (TextColumn("{task.description:<16}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    written: dict[str, Written] = {}
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as progress:
        tasks = {recipe.name: progress.add_task(recipe.name, total=recipe.epochs, start=False) for recipe in recipes}

        def told(name: str, epochs: float) -> None:
            progress.start_task(tasks[name])
            progress.advance(tasks[name], epochs)

        for one in train_all(recipes, seed, told):
            result = one.result
            written[result.name] = one
            if not console.is_terminal:
                console.print(f"trained {result.name} in {result.seconds:.0f} s: accuracy {result.accuracy:.1%}")
    store.mkdir(parents=True, exist_ok=True)
    for name, one in written.items():
        with written_whole(store / f"{name}{SUFFIX}") as temporary:
            temporary.write_bytes(one.archive)
    results = [written[recipe.name].result for recipe in recipes]
    console.print(as_table(results))
    return results


def as_table(results: Sequence[Result]) -> Table:
    table = Table("model", title="demo models", caption="accuracy on validation rows, which were not trained on")
    for heading in ("train", "validation", "accuracy", "seconds"):
        table.add_column(heading, justify="right")
    for one in results:
        numbers = (one.train_size, one.validation_size, f"{one.accuracy:.1%}", f"{one.seconds:.1f}")
        table.add_row(one.name, *map(str, numbers))
    return table
