"""Traces have nowhere to go: nobody waits for that."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.service.process import running
from tests.service.tiny import write_tiny


@pytest.mark.clock
@pytest.mark.long
def test_without_a_collector_requests_are_answered_and_the_end_is_soon(tmp_path: Path) -> None:
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    with running(tmp_path, otlp_endpoint="http://127.0.0.1:9") as server:
        with server.client() as client:
            for _ in range(200):
                assert client.post("/v1/models/mood:predict", json={"instances": ["a"]}).status_code == 200
        started = time.monotonic()
        server.terminate()
        assert server.exit_status() == 0
        assert time.monotonic() - started < 6
        assert not [line for line in server.lines if line["event"] == "not JSON"]
        assert [line for line in server.lines if line["event"].startswith("spans not sent")]
