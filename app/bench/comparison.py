"""A server beside the bare model: interleaved rounds, medians and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from app.bench.bare import BareModel, in_batches, latency_of, rate_of
from app.bench.expected import Expected, Verdict, native_answers
from app.bench.load import Load, Outcome, Timing, measure, requests_of

BULK_CLIENTS = 4
OPEN_SHARE = 0.7
"""The rate of the open loop, of the best that a closed one reached."""
LEAST_AGREEMENT = 0.995
"""The share of answers with the offline model's label under which no figure counts."""
BARE = "bare model"


@dataclass(frozen=True)
class Row:
    """Medians of the rounds: instances a second, times in ms. `cpu` is the client's share of a core."""

    name: str
    rate: float
    p50: float | None = None
    p99: float | None = None
    cpu: float | None = None


class Comparison:
    """`path` is where `url` predicts; every request is measured for `seconds` in every round.

    `expected` are the answers of the instances. `bare` is what runs beside the server.
    """

    def __init__(
        self, bare: BareModel, expected: Expected, instances: Sequence[Any], url: str, path: str, seconds: float
    ) -> None:
        self._bare = bare
        self._expected = expected
        self._instances = instances
        self._features = bare.featurize(instances)
        self._url, self._path, self._seconds = url, path, seconds
        self._bare_rates: dict[str, list[float]] = {}
        self._alone: list[float] = []
        self._outcomes: dict[str, list[Outcome]] = {}
        self._best = 0.0

    def closed_round(self, seed: int, clients: Sequence[int], bulk: int) -> None:
        self._bare_round()
        single = [Load(number) for number in clients]
        for load in [*single, Load(BULK_CLIENTS, instances=bulk)]:
            self._ask(load.name, load, seed)
        self._best = max(self._median(load.name, "rate") for load in single)

    def open_round(self, seed: int) -> None:
        """After the closed rounds, whose best rate it takes its own from."""
        self._ask(f"open loop, {OPEN_SHARE:.0%} of the best", Load(rate=OPEN_SHARE * self._best), seed)

    def _bare_round(self) -> None:
        bare, seconds = self._bare, self._seconds
        by_length = sorted(range(len(self._features)), key=lambda index: self._features[index].shape)
        features = in_batches([self._features[index] for index in by_length])
        instances = in_batches([self._instances[index] for index in by_length])
        self._bare_rates.setdefault(BARE, []).append(rate_of(bare.forward, features, seconds))
        self._bare_rates.setdefault(f"{BARE} and featurizing", []).append(rate_of(bare.predict, instances, seconds))
        self._alone.append(latency_of(bare.predict, self._instances, seconds))

    def _ask(self, name: str, load: Load, seed: int) -> None:
        requests = requests_of(self._path, self._instances, load.instances, lambda some: {"instances": some})
        timing = Timing(seconds=self._seconds, seed=seed)
        outcome = measure(self._url, requests, load, timing, self._expected, read)
        self._outcomes.setdefault(name, []).append(outcome)

    def _median(self, name: str, figure: str) -> float:
        return float(statistics.median(getattr(outcome, figure) for outcome in self._outcomes[name]))

    def rows(self) -> list[Row]:
        alone = statistics.median(self._alone)
        bare = [Row(name, statistics.median(rates)) for name, rates in self._bare_rates.items()]
        figures = ("rate", "p50", "p99", "cpu")
        asked = [Row(name, **{key: self._median(name, key) for key in figures}) for name in self._outcomes]
        return [*bare, Row(f"{BARE} and featurizing, one by one", 1000 / alone, alone), *asked]

    @property
    def verdict(self) -> Verdict:
        return sum((one.verdict for some in self._outcomes.values() for one in some), Verdict())

    def problem(self) -> str | None:
        """Why the figures do not count; None where they do."""
        errors = {kind for some in self._outcomes.values() for one in some for kind in one.errors}
        if errors:
            return f"not every request was answered: {', '.join(sorted(errors))}. No figure counts."
        if self.verdict.agreement < LEAST_AGREEMENT:
            wrong = f"{self.verdict.other_labels} of {self.verdict.instances} answers"
            return f"{wrong} had another label than the offline model gives. No figure counts."
        return None


def read(body: bytes) -> Any:
    return native_answers(orjson.loads(body)["predictions"])


def as_json(comparison: Comparison) -> dict[str, Any]:
    verdict = comparison.verdict
    agreement = {"instances": verdict.instances, "other_labels": verdict.other_labels, "max_delta": verdict.delta}
    return {"rows": [asdict(row) for row in comparison.rows()], "agreement": agreement}


def as_markdown(comparison: Comparison) -> str:
    rows = comparison.rows()
    lines = ["| | instances/s | of the bare model | p50 ms | p99 ms | client's CPU |", "|---|---|---|---|---|---|"]
    for row in rows:
        times = [f"{time:.1f}" if time is not None else "" for time in (row.p50, row.p99)]
        cpu = f"{row.cpu:.0%}" if row.cpu is not None else ""
        cells = [row.name, f"{row.rate:.0f}", f"{row.rate / rows[0].rate:.2f}", *times, cpu]
        lines.append(f"| {' | '.join(cells)} |")
    verdict = comparison.verdict
    agreement = (
        f"{verdict.instances} answers held against the offline model: {verdict.other_labels} other labels, "
        f"scores within {verdict.delta:.1e}."
    )
    return "\n".join([*lines, "", agreement])
