"""What libraries log of a failed request is its kind and its place: `configure_logging` in a process of its own."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from typing import Any

import pytest

from app.logging import FLUSH_S, WrittenTogether

SECRET = "xyzzyplugh"
PROGRAM = f"""
import asyncio, gc, logging
from app.logging import configure_logging
from app.settings import Settings

configure_logging(Settings(log_format="{{format}}", log_level="debug"))

def fail():
    raise ValueError("{SECRET}") from KeyError("{SECRET}")

try:
    fail()
except ValueError:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application")

async def forgotten():
    task = asyncio.create_task(later())
    await asyncio.sleep(0.01)

async def later():
    fail()

asyncio.run(forgotten())
gc.collect()
"""


def logged(form: str) -> str:
    command = [sys.executable, "-c", PROGRAM.replace("{format}", form)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("form", ["json", "console"])
def test_libraries_do_not_log_the_words_of_errors(form: str) -> None:
    log = logged(form)
    assert "Exception in ASGI application" in log
    assert "Task exception was never retrieved" in log
    assert "ValueError" in log
    assert " fail" in log
    assert SECRET not in log


def test_each_line_is_json() -> None:
    lines = [json.loads(line) for line in logged("json").splitlines()]
    assert [line["logger"] for line in lines] == ["uvicorn.error", "asyncio"]


def test_a_failure_of_the_service_says_where_it_was_and_no_word_of_what_was_there() -> None:
    program = f"""
import structlog
from app.logging import configure_logging
from app.settings import Settings

configure_logging(Settings(log_format="json"))
secret = "{SECRET}".upper()
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("app").exception("model failed")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    line = json.loads(done.stdout)
    assert line["exception"][0]["exc_type"] == "ZeroDivisionError"
    assert line["exception"][0]["frames"][0]["lineno"] > 1
    assert SECRET.upper() not in done.stdout


class Counted(io.BytesIO):
    """As what is under stdout where it is not buffered: each write is a system call."""

    writes = 0

    def write(self, data: Any) -> int:
        self.writes += 1
        return super().write(data)


async def _write(lines: WrittenTogether, count: int, seconds: float) -> None:
    for number in range(count):
        lines.msg(number)
    await asyncio.sleep(seconds)


def test_lines_of_an_event_loop_are_written_together() -> None:
    file = Counted()
    asyncio.run(_write(WrittenTogether(file), 100, 2 * FLUSH_S))
    assert file.getvalue().splitlines() == [b"%d" % number for number in range(100)]
    assert file.writes == 1


def test_lines_of_an_event_loop_that_ended_come_with_the_next() -> None:
    file = Counted()
    lines = WrittenTogether(file)
    asyncio.run(_write(lines, 3, 0))
    lines.msg("stopped")
    assert file.getvalue() == b'0\n1\n2\n"stopped"\n'


def test_what_json_hardly_holds_takes_no_other_line_with_it() -> None:
    file = Counted()
    lines = WrittenTogether(file)
    for odd in ("\ud800", 1 << 70, {1, 2}):
        lines.msg({"event": "odd", "what": odd})
        lines.msg({"event": "after"})
    written = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [line["event"] for line in written] == ["odd", "after"] * 3
    assert [line.get("what") for line in written[::2]] == ["\ud800", 1 << 70, "{1, 2}"]


def test_without_an_event_loop_each_line_is_written() -> None:
    file = Counted()
    lines = WrittenTogether(file)
    for _ in range(3):
        lines.msg("line")
    assert file.writes == 3
