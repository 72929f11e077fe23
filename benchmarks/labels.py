"""Teaches the demo's business-names classifier two categories it has never seen, 20 examples each, in several draws.

    python -m benchmarks.labels --store store --picture docs/labels.svg

Accuracy on held-out rows before, with a layer drawn anew (what the original's `extend_labels` leaves), and with ours.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from app.demo.datasets import load_rows
from models.anchors import anchors_for
from models.archive_classifier import ArchiveClassifier
from models.classifier import Instance, LabelSet
from models.extend import fit
from models.loading import load_classifier

NEW = ("finance", "lodging")
EXAMPLES = 20
OLD_EXAMPLES = 40
SLICE = 128

Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """Labelled rows with their vectors (rows, dim)."""

    rows: Sequence[Row]
    vectors: Tensor

    def accuracy(self, label_set: LabelSet) -> float:
        """In percent."""
        said = label_set.head(self.vectors).argmax(dim=1).tolist()
        right = sum(label_set.labels[index] == row["label"] for index, row in zip(said, self.rows, strict=True))
        return 100 * right / len(self.rows)


@dataclass(frozen=True)
class Draw:
    """Accuracies in percent after one draw of the examples."""

    new: float
    old: float


class Experiment:
    def __init__(self, archive: Path) -> None:
        classifier = load_classifier(archive)
        assert isinstance(classifier, ArchiveClassifier)
        self.classifier = classifier
        self.old_train = load_rows("business_names", "train")
        self.new_train = load_rows("business_names.new_labels", "train")
        self.old = self._rows(load_rows("business_names", "validation"))
        self.new = self._rows(load_rows("business_names.new_labels", "validation"))

    def before(self) -> float:
        return self.old.accuracy(self.classifier.label_set)

    def ours(self, seed: int, *, old_examples: int) -> Draw:
        rng = random.Random(seed)
        chosen = [row for label in NEW for row in rng.sample(self._new_of(label), EXAMPLES)]
        return self.taught(chosen + rng.sample(self.old_train, old_examples))

    def natural(self) -> Draw:
        """From the first rows of each new label, as they come."""
        return self.taught([row for label in NEW for row in self._new_of(label)[:EXAMPLES]])

    def taught(self, chosen: Sequence[Row]) -> Draw:
        examples = self._rows(chosen)
        anchors = self.encode(anchors_for(self.classifier, [instance_of(row) for row in chosen]))
        targets = [row["label"] for row in chosen]
        taught = fit(self.classifier.label_set, NEW, examples.vectors, targets, anchors=anchors)
        return Draw(self.new.accuracy(taught), self.old.accuracy(taught))

    def layer_drawn_anew(self, seed: int) -> Draw:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            old = self.classifier.label_set
            head = nn.Linear(self.old.vectors.size(1), len(old.labels) + len(NEW)).requires_grad_(False)
        anew = LabelSet((*old.labels, *NEW), head)
        return Draw(self.new.accuracy(anew), self.old.accuracy(anew))

    def _new_of(self, label: str) -> list[Row]:
        return [row for row in self.new_train if row["label"] == label]

    def _rows(self, rows: Sequence[Row]) -> Rows:
        return Rows(rows, self.encode([instance_of(row) for row in rows]))

    @torch.inference_mode()
    def encode(self, instances: Sequence[Instance]) -> Tensor:
        """(instances, dim)"""
        classifier = self.classifier
        slices = (instances[start : start + SLICE] for start in range(0, len(instances), SLICE))
        batches = (classifier.collate([classifier.featurize(one) for one in part]) for part in slices)
        return torch.cat([classifier.encode(batch) for batch in batches])


def instance_of(row: Row) -> dict[str, str]:
    return {"tokens": row["text"]}


def summary(name: str, draws: Sequence[Draw], before: float) -> str:
    new, old = [draw.new for draw in draws], [draw.old - before for draw in draws]
    return (
        f"{name:<34} new {statistics.mean(new):5.1f} % ({min(new):.1f} - {max(new):.1f})   "
        f"old {statistics.mean(old):+6.2f} points ({min(old):+.2f} - {max(old):+.2f})"
    )


def draw_picture(path: Path, before: float, anew: Sequence[Draw], ours: Sequence[Draw]) -> None:
    import matplotlib as mpl  # noqa: PLC0415  (a development tool, and slow to import)

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "vitrine", "font.size": 10})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    groups = ("before", "original: layer drawn anew", "Vitrine: rows appended")
    old = (before, statistics.mean(draw.old for draw in anew), statistics.mean(draw.old for draw in ours))
    new = (0.0, statistics.mean(draw.new for draw in anew), statistics.mean(draw.new for draw in ours))
    figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
    # Blue and orange of Okabe and Ito: told apart by every eye, and in grey.
    for offset, values, name, colour in (
        (-0.2, old, "the 10 old labels", "#0072B2"),
        (0.2, new, "the 2 new labels", "#E69F00"),
    ):
        bars = axes.bar([index + offset for index in range(3)], values, width=0.38, label=name, color=colour)
        axes.bar_label(bars, fmt="%.0f %%", padding=2)
    axes.set_xticks(range(3), groups)
    axes.set_ylim(0, 112)
    axes.set_ylabel("accuracy on held-out rows, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=2, loc="upper center")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("store"), help="where `vitrine demo` put its models")
    parser.add_argument("--picture", type=Path, help="an .svg to draw")
    parser.add_argument("--draws", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    experiment = Experiment(options.store / "business-names.tar.gz")
    seeds = range(options.draws)
    before = experiment.before()
    anew = [experiment.layer_drawn_anew(seed) for seed in seeds]
    ours = [experiment.ours(seed, old_examples=0) for seed in seeds]
    helped = [experiment.ours(seed, old_examples=OLD_EXAMPLES) for seed in seeds]
    print(f"{options.draws} draws; before: old {before:.1f} %")
    print(summary("layer drawn anew", anew, before))
    print(summary("rows appended", ours, before))
    print(summary(f"rows appended, {OLD_EXAMPLES} old examples", helped, before))
    print(summary("rows appended, first rows", [experiment.natural()], before))
    if options.picture:
        draw_picture(options.picture, before, anew, ours)


if __name__ == "__main__":
    main()
