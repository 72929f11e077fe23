"""Samples to Markdown tables and a plot: python -m benchmarks.report [--picture FILE.svg] [MODEL ...]"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.bench.comparison import LEAST_AGREEMENT
from app.bench.expected import TOLERANCE
from benchmarks.models import MODELS
from benchmarks.run import BULK, BULK_ROW, CLIENTS, LIMITS, OPEN, RESULTS, Results

SORTED = "by length"
"""The row of a loop that is the limit: batches of 32 in order of length."""
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999")
"""Okabe and Ito's, told apart by every eye."""


class Medians:
    """Of one model's samples, by target and row."""

    def __init__(self, results: Results) -> None:
        self._samples = results.samples
        self.unavailable = results.unavailable
        self.targets = list(dict.fromkeys(sample["target"] for sample in self._samples))
        self.loops = [name for name in self.targets if self.rate(name, CLIENTS[0]) is None]
        self.servers = sorted(set(self.targets) - set(self.loops), key=self.best, reverse=True)

    def values(self, target: str, row: str | int, figure: str) -> list[Any]:
        found = (each for each in self._samples if each["target"] == target and each["row"] == str(row))
        return [each[figure] for each in found if each[figure] is not None]

    def median(self, target: str, row: str | int, figure: str) -> float | None:
        values = self.values(target, row, figure)
        return statistics.median(values) if values else None

    def rate(self, target: str, row: str | int) -> float | None:
        return self.median(target, row, "rate")

    def best(self, target: str) -> float:
        return max(rate for clients in CLIENTS if (rate := self.rate(target, clients)) is not None)

    @property
    def limit(self) -> float | None:
        return next((rate for name in LIMITS if (rate := self.rate(name, SORTED)) is not None), None)

    def rows_of(self, targets: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(each["row"] for each in self._samples if each["target"] in targets))

    def rounds(self, target: str) -> int:
        return len(self.values(target, CLIENTS[0], "rate"))

    def total(self, target: str, figure: str) -> float:
        return sum(each[figure] for each in self._samples if each["target"] == target)

    def remarks(self, target: str) -> str:
        """Why the figures of a target do not count, or how its answers differ."""
        mine = [each for each in self._samples if each["target"] == target]
        errors = {kind: sum(each["errors"].get(kind, 0) for each in mine) for each in mine for kind in each["errors"]}
        remarks = [f"{count} x {kind}" for kind, count in errors.items()]
        instances, others = self.total(target, "instances"), self.total(target, "other_labels")
        if instances and others / instances > 1 - LEAST_AGREEMENT:
            remarks.append(f"does not count: {others / instances:.1%} other labels")
        delta = max((each["delta"] for each in mine), default=0.0)
        if delta > TOLERANCE:
            remarks.append(f"scores off by up to {delta:.1e}, {others} other labels")
        return "; ".join(remarks)


def tables(name: str, medians: Medians) -> str:
    parts = [f"### {name}", loops_table(medians), servers_table(medians)]
    if medians.unavailable:
        parts.append("\n".join(f"* {target} did not run: {why}" for target, why in medians.unavailable.items()))
    return "\n\n".join(part for part in parts if part)


def loops_table(medians: Medians) -> str:
    if not medians.loops:
        return ""
    rows = medians.rows_of(medians.loops)
    lines = [row_of(["instances/s, no server", *rows]), row_of(["---"] * (len(rows) + 1))]
    lines += [row_of([name, *(_number(medians.rate(name, row)) for row in rows)]) for name in medians.loops]
    return "\n".join(lines)


def servers_table(medians: Medians) -> str:
    heads = ["requests/s, by clients", *map(str, CLIENTS), f"{BULK}-instance requests (instances/s)"]
    heads += [
        "best of limit",
        "p50 1 client",
        "p50 / p99 at 32",
        "open loop p50 / p99",
        "client's CPU",
        "MB",
        "rounds",
        "",
    ]
    lines = [row_of(heads), row_of(["---"] * len(heads))]
    for name in medians.servers:
        limit = medians.limit
        cpus = [cpu for clients in CLIENTS if (cpu := medians.median(name, clients, "cpu")) is not None]
        cells = [
            name,
            *(_number(medians.rate(name, clients)) for clients in CLIENTS),
            _number(medians.rate(name, BULK_ROW)),
            f"{medians.best(name) / limit:.2f}" if limit else "",
            _times(medians, name, CLIENTS[0], "p50"),
            _times(medians, name, 32, "p50", "p99"),
            _times(medians, name, OPEN, "p50", "p99"),
            f"{max(cpus):.0%}" if cpus else "",
            _number(max(medians.values(name, CLIENTS[-1], "memory"), default=None)),
            str(medians.rounds(name)),
            medians.remarks(name),
        ]
        lines.append(row_of(cells))
    return "\n".join(lines)


def _times(medians: Medians, name: str, row: str | int, *figures: str) -> str:
    times = [medians.median(name, row, figure) for figure in figures]
    return " / ".join(f"{time:.1f}" for time in times if time is not None)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def row_of(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def draw(path: Path, all_medians: dict[str, Medians]) -> None:
    """Requests a second over clients, a panel for each model; the limit is the dashed line. Needs matplotlib."""
    import matplotlib as mpl  # noqa: PLC0415 - the `pictures` extra

    mpl.use("agg")
    mpl.rcParams.update({"svg.hashsalt": "vitrine", "font.size": 9})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, panels = plt.subplots(
        1, len(all_medians), figsize=(4.2 * len(all_medians), 3.6), layout="constrained", squeeze=False
    )
    for axes, (name, medians) in zip(panels[0], all_medians.items(), strict=True):
        shown = [server for server in medians.servers if server != "echo"]
        for index, server in enumerate(shown):
            rates = [medians.rate(server, clients) or float("nan") for clients in CLIENTS]
            style = {"color": COLOURS[index % len(COLOURS)], "linewidth": 2.5 if server == "vitrine" else 1.2}
            axes.plot(CLIENTS, rates, marker="o", markersize=3, label=server, **style)
        if medians.limit:
            axes.axhline(medians.limit, linestyle="--", color="black", linewidth=1, label="limit")
        axes.set(title=name, xscale="log", xlabel="clients", ylim=(0, None))
        axes.set_xticks(CLIENTS, [str(clients) for clients in CLIENTS])
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=7)
    panels[0][0].set_ylabel("requests/s, one instance each")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="all that were measured")
    parser.add_argument("--picture", type=Path, help="an .svg or .png to draw")
    options = parser.parse_args()
    names = options.models or [name for name in MODELS if (RESULTS / f"{name}.json").exists()]
    all_medians = {name: Medians(Results.of(name)) for name in names}
    print("\n\n".join(tables(name, medians) for name, medians in all_medians.items()))
    if options.picture and all_medians:
        draw(options.picture, all_medians)


if __name__ == "__main__":
    main()
