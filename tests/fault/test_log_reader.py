"""Whoever read the log is gone: the server still ends when it is told to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.service.process import ROOT, TINY
from tests.service.tiny import write_tiny


def test_a_server_whose_log_nobody_reads_ends_at_the_first_signal(tmp_path: Path) -> None:
    write_tiny(tmp_path, "mood", labels=["good", "bad"])
    environment = {**os.environ, "VITRINE_STORE": str(tmp_path), "VITRINE_PORT": "0", "VITRINE_DRAIN_DELAY_S": "0"}
    command = [sys.executable, *TINY]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as one:
        assert one.stdout
        while b'"event":"loaded"' not in (line := one.stdout.readline()):
            assert line, "it ended before it was loaded"
        one.stdout.close()
        one.terminate()
        try:
            one.wait(15)
        finally:
            one.kill()
