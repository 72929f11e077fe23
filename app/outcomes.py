"""How a request to a model ended: a count in the metrics, and a word in the request's log line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope

from app.errors import answer_to
from app.metrics import Metrics

OUTCOMES = {429: "rejected", 499: "cancelled", 504: "expired"}


@contextmanager
def recorded(metrics: Metrics, scope: Scope, model: str, verb: str) -> Iterator[None]:
    """The block is the request."""
    outcome, started = "failed", time.perf_counter()
    try:
        yield
        outcome = "ok"
    except Exception as error:
        status = answer_to(error).status
        outcome = OUTCOMES.get(status, "invalid" if status < 500 else "failed")
        raise
    finally:
        metrics.count_request(model, verb, outcome)
        said = scope.setdefault("vitrine.log", {})
        said.update(model=model, outcome=outcome)
        if verb == "predict":
            seconds, instances = time.perf_counter() - started, said.get("instances", 0)
            metrics.tallies[model].add_request(seconds, instances, succeeded=outcome == "ok")
