"""Every target by name; a file each."""

from __future__ import annotations

from benchmarks.targets import (
    allennlp,
    bentoml,
    echo,
    fastapi,
    infinity,
    limit,
    litserve,
    mosec,
    original,
    ray,
    torchserve,
    triton,
    vitrine,
)
from benchmarks.targets.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        limit.TRANSFORMERS,
        limit.OWN,
        allennlp.TARGET,
        original.TARGET,
        vitrine.TARGET,
        fastapi.PLAIN,
        fastapi.ASYNC,
        echo.TARGET,
        litserve.TARGET,
        mosec.TARGET,
        bentoml.TARGET,
        infinity.TORCH,
        infinity.ONNX,
        ray.TARGET,
        torchserve.TARGET,
        triton.TARGET,
    )
}
PEERS = [name for name, target in TARGETS.items() if target.packages]
"""Those that are installed first."""
BUILT_IN = [name for name in TARGETS if name not in PEERS]
