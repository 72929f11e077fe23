"""Every Prometheus instrument. Labels are names of registered models and route templates, so a scanner makes none."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from app.batch import BatchReport
from app.statistics import Tallies, Total

if TYPE_CHECKING:
    from app.service import Service

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter that nobody reads

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LAGS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
ITEMS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
TOKENS = (16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144)
RATIOS = (1.0, 1.05, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
VERBS = ("predict", "explain")
OUTCOMES = ("ok", "invalid", "rejected", "expired", "cancelled", "failed")


class Metrics:
    """One registry for each application, so that several can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.tallies = Tallies()
        self._labelled = cache(lambda metric, *labels: metric.labels(*labels))
        """A metric with its labels; prometheus_client checks them each time it is asked."""
        model, on = ("model",), self.registry
        ProcessCollector(registry=on)
        self.requests = Counter(
            "vitrine_requests",
            f"Requests by outcome: {', '.join(OUTCOMES)}.",
            ("model", "verb", "outcome"),
            registry=on,
        )
        self.http_requests = Counter(
            "vitrine_http_requests", "HTTP requests by route and status.", ("method", "route", "status"), registry=on
        )
        self.http_seconds = Histogram(
            "vitrine_http_request_duration_seconds", "From the request's head to its answer.", ("route",),
            buckets=SECONDS, registry=on,
        )  # fmt: skip
        self.featurize_seconds = Histogram(
            "vitrine_featurize_duration_seconds", "Featurizing one request, with the wait for a worker.", model,
            buckets=SECONDS, registry=on,
        )  # fmt: skip
        self.queue_seconds = Histogram(
            "vitrine_queue_duration_seconds", "How long the oldest instance of a batch was queued.", model,
            buckets=SECONDS, registry=on,
        )  # fmt: skip
        self.forward_seconds = Histogram(
            "vitrine_forward_duration_seconds", "How long a batch held the device: encode and head.", model,
            buckets=SECONDS, registry=on,
        )  # fmt: skip
        self.batch_items = Histogram("vitrine_batch_items", "Instances in a batch.", model, buckets=ITEMS, registry=on)
        self.batch_tokens = Histogram(
            "vitrine_batch_tokens", "Padded tokens in a batch.", model, buckets=TOKENS, registry=on
        )
        self.padding_ratio = Histogram(
            "vitrine_batch_padding_ratio", "Padded tokens per real token of a batch.", model,
            buckets=RATIOS, registry=on,
        )  # fmt: skip
        self.loop_lag = Histogram(
            "vitrine_event_loop_lag_seconds", "How late timers of the event loop fire.", buckets=LAGS, registry=on
        )
        self.out_of_memory = Counter(
            "vitrine_out_of_memory_events", "Batches that the device had no memory for.", registry=on
        )

    def begin(self, model: str) -> None:
        """Start the counters of a model at 0: of one that appears with its first failure no rate would tell."""
        for verb in VERBS:
            for outcome in OUTCOMES:
                self.requests.labels(model, verb, outcome)

    def observe_batch(self, report: BatchReport) -> None:
        batch = report.batch
        model = getattr(batch.work, "name", "")
        padded = batch.padded_tokens
        self.tallies[model].add_batch(report)
        self._labelled(self.queue_seconds, model).observe(report.queued_s)
        self._labelled(self.forward_seconds, model).observe(report.ran_s)
        self._labelled(self.batch_items, model).observe(len(batch.items))
        self._labelled(self.batch_tokens, model).observe(padded)
        self._labelled(self.padding_ratio, model).observe(padded / max(batch.real_tokens, 1))

    def observe_http(self, method: str, route: str, status: int, seconds: float) -> None:
        self._labelled(self.http_requests, method, route, status).inc()
        self._labelled(self.http_seconds, route).observe(seconds)

    def observe_featurizing(self, model: str, seconds: float) -> None:
        self._labelled(self.featurize_seconds, model).observe(seconds)

    def count_request(self, model: str, verb: str, outcome: str) -> None:
        self._labelled(self.requests, model, verb, outcome).inc()

    def featurized(self, model: str) -> Total:
        """Requests of a model that were featurized."""
        name, labels = "vitrine_featurize_duration_seconds", {"model": model}
        count, seconds = (self.registry.get_sample_value(f"{name}_{of}", labels) for of in ("count", "sum"))
        return Total(int(count or 0), seconds or 0.0)

    def exposition(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)


class ProcessesCollector(Collector):
    """Of each process of the lane what ProcessCollector tells of one."""

    def __init__(self, pids: Callable[[], Sequence[int]]) -> None:
        self._pids = pids

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for number, pid in enumerate(self._pids()):
            for family in ProcessCollector("vitrine_device", partial(int, pid), registry=None).collect():
                whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    whole.add_sample(sample.name, {"process": str(number)}, sample.value)
        return iter(families.values())


class StateCollector(Collector):
    """Gauges that are read off the service when they are scraped, so they cannot drift from it."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def collect(self) -> Iterator[Metric]:
        service = self.service
        batcher, limits = service.batcher, service.batcher.limits
        yield InfoMetricFamily("vitrine_build", "What runs.", value=_build())
        yield GaugeMetricFamily("vitrine_ready", "1 where the service is ready.", int(service.not_ready is None))
        yield GaugeMetricFamily("vitrine_queue_items", "Instances that wait.", batcher.queued_items)
        yield GaugeMetricFamily("vitrine_queue_tokens", "Tokens that wait.", batcher.queued_tokens)
        yield GaugeMetricFamily(
            "vitrine_queue_limit_items", "Instances of one model that may wait.", limits.queue_items
        )
        yield GaugeMetricFamily("vitrine_queue_limit_tokens", "Tokens of one model that may wait.", limits.queue_tokens)
        yield GaugeMetricFamily(
            "vitrine_batch_token_budget", "Padded tokens that a batch may hold now.", batcher.token_budget
        )
        memory = GaugeMetricFamily("vitrine_device_memory_bytes", "Memory of the device.", labels=("use",))
        for use, size in service.lane.memory().items():
            memory.add_metric((use,), size)
        yield memory
        yield from self._models()

    def _models(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily("vitrine_model_ready", "1 where the model answers.", labels=("model",))
        live = GaugeMetricFamily("vitrine_label_set_version", "The live label set.", labels=("model",))
        labels = GaugeMetricFamily("vitrine_labels", "Labels of the live label set.", labels=("model",))
        refused = GaugeMetricFamily(
            "vitrine_label_version_refused", "1 where the store names a version that cannot be used.", labels=("model",)
        )
        info = InfoMetricFamily("vitrine_model", "What the model is.", labels=("model",))
        queued = GaugeMetricFamily("vitrine_model_queue_items", "Instances of the model that wait.", labels=("model",))
        queued_items = self.service.batcher.queued_by_model()
        for name, entry in self.service.catalog.entries.items():
            if entry.unloaded:
                continue  # on purpose, which is nothing to be alarmed at
            self.service.metrics.begin(name)
            queued.add_metric((name,), queued_items[name])
            ready.add_metric((name,), int(entry.served is not None))
            if entry.served:
                classifier = entry.served.classifier
                source = classifier.source
                live.add_metric((name,), entry.served.label_set.version)
                labels.add_metric((name,), len(entry.served.label_set.labels))
                refused.add_metric((name,), int(name in self.service.versions.store.problems))
                about = {"kind": classifier.kind, "library": source.library, "architecture": source.architecture}
                info.add_metric((name,), about)
        yield from (ready, live, labels, refused, info, queued)


@cache
def _build() -> dict[str, str]:
    return {"version": version("vitrine"), "torch": version("torch"), "python": platform.python_version()}
