"""What the service's settings mean to Ray Serve."""

from __future__ import annotations

from typing import Any

from app.settings import Settings

BATCHES_UNDER_WAY = 4
"""That a replica takes: one on its device, one that is being collated, and two that wait for their turn."""
BATCHES_QUEUED = 16
"""That wait for a replica which has all it takes; beyond it the answer is 429."""
UNTIL_UNKNOWN_S = 30
"""Requests still come to a replica that is to end: until then every proxy of the cluster has let go of it."""
DRAIN_MARGIN_S = 10
"""For the replica's own end after its last answer, and Ray's looking every 2 s whether that was it."""


def deployment_options(settings: Settings) -> dict[str, Any]:
    """Of one instance a request, so that the batcher sees full batches before there is another replica."""
    batch = settings.max_batch_items
    return {
        "max_ongoing_requests": BATCHES_UNDER_WAY * batch,
        "max_queued_requests": BATCHES_QUEUED * batch,
        "backpressure_config": {"status_code": 429, "retry_after_s": 1},
        "graceful_shutdown_timeout_s": UNTIL_UNKNOWN_S + settings.drain_timeout_s + DRAIN_MARGIN_S,
        "autoscaling_config": {
            "min_replicas": 1,
            "max_replicas": 10,
            "target_ongoing_requests": batch,
            "upscale_delay_s": 10,
            "downscale_delay_s": 300,
        },
    }


def replica_settings(settings: Settings, cpus: float) -> Settings:
    """The settings of one replica: `cpus` are what Ray keeps for it. Raises ValueError.

    Health and metrics stay with the rest of the application: the probe port is one more place to have them.
    """
    if not settings.store.is_absolute():
        raise ValueError("VITRINE_STORE must be an absolute path: a replica starts in a folder of its own.")
    if not settings.store.is_dir():
        raise ValueError(f"The store {str(settings.store)!r} is not a directory on this node. Mount it on every node.")
    return settings.model_copy(update={"threads": settings.threads or max(1, int(cpus)), "probe_port": 0})
