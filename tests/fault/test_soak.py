"""Mixed traffic without a pause: no wrong answer, and nothing that grows."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from tests.fault.metrics import sample
from tests.fault.mixed_traffic import COMES_AND_GOES, RELOADED, TAUGHT, Traffic, texts_like
from tests.fault.resident import resident
from tests.oracle.oracles import CARRIED
from tests.service.process import ROOT, VITRINE, ServerProcess, running

OTHERS = ["biome_v33_pair_fwd_bwd", "biome_sequence_classifier_record", "allennlp210_ptm_bert"]
MINUTES = float(os.environ.get("SOAK_MINUTES", "1"))
MiB = 1 << 20
TOLD = Console(width=200)
SETTLED, GROWTH = 0.3, 0.05
"""After this share of the time nothing more is made for the first time; so much more memory may be there at the end."""
LONG_ENOUGH = 10
"""Minutes after which memory that grows can be told from memory that is used for the first time."""


class Reading(NamedTuple):
    memory: int
    threads: int
    files: int

    def __str__(self) -> str:
        return f"{self.memory / MiB:.0f} MiB, {self.threads} threads, {self.files} files"


def read(server: ServerProcess) -> Reading:
    process = Path(f"/proc/{server.process.pid}")
    return Reading(resident(server), len(list((process / "task").iterdir())), len(list((process / "fd").iterdir())))


async def soak(server: ServerProcess, traffic: Traffic, seconds: float) -> list[Reading]:
    readings: list[Reading] = []

    async def watch() -> None:
        while True:
            await asyncio.sleep(seconds / 60)
            readings.append(read(server))
            TOLD.print(f"{len(readings)}/60: {readings[-1]}")

    watching = asyncio.create_task(watch())
    await traffic.run(seconds)
    watching.cancel()
    return readings


@pytest.mark.long
def test_nothing_grows_and_no_answer_changes(tmp_path: Path) -> None:
    for name in (TAUGHT, COMES_AND_GOES, *OTHERS):
        shutil.copy(CARRIED / f"{name}.tar.gz", tmp_path)
    shutil.copytree(ROOT / "tests" / "data" / "checkpoints" / RELOADED, tmp_path / RELOADED)
    with running(
        tmp_path, command=VITRINE, hub_dir=CARRIED / "hub", allow_unauthenticated_admin=True, access_log=False
    ) as server:
        with server.client() as client:
            models = {model["name"]: model for model in client.get("/v1/models").json()["models"]}
            assert all(model["ready"] for model in models.values()), models
            examples = {name: client.get(f"/v1/models/{name}").json()["example"] for name in models}
        before = read(server)
        traffic = Traffic(server.url, list(models), {name: texts_like(one) for name, one in examples.items()})
        readings = asyncio.run(soak(server, traffic, MINUTES * 60))
        time.sleep(8)
        last = read(server)
        TOLD.print(dict(sorted(traffic.counts.items())))
        assert not traffic.wrong, (len(traffic.wrong), traffic.wrong[:5])
        for role in ("predict 200", "explain 200", "labels 200", "load 200", "unload 200", "predict 400", "left"):
            assert traffic.counts[role] > 5 * MINUTES, (role, traffic.counts)
        settled = readings[int(len(readings) * SETTLED) : len(readings) // 2]
        ended = readings[-len(readings) // 10 :]
        memory, memory_then = (statistics.median(one.memory for one in some) for some in (settled, ended))
        TOLD.print(f"{memory / MiB:.0f} -> {memory_then / MiB:.0f} MiB; at rest {last}")
        assert MINUTES < LONG_ENOUGH or memory_then <= memory * (1 + GROWTH)
        assert last.threads <= max(one.threads for one in settled)
        assert last.files <= before.files + 1  # the client's that reads the metrics
        with server.client() as client:
            for gauge in ("vitrine_queue_items", "vitrine_queue_tokens"):
                assert sample(client, gauge) == 0
        server.terminate()
        assert server.exit_status() == 0
