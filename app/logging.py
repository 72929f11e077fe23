"""Structured logs on stdout: one JSON object a line, or text for people. The text of an instance is never logged."""

from __future__ import annotations

import asyncio
import atexit
import io
import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Self

import orjson
import structlog

from app.settings import Settings

_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
"""Without local variables: they hold what callers sent."""


def configure_logging(settings: Settings) -> None:
    """One format for the service's own lines and for those of its libraries."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.types.Processor]
    renderer: list[structlog.types.Processor]
    processors: list[structlog.types.Processor]
    on_terminal = sys.stdout.isatty()
    if settings.log_format == "json" or (settings.log_format == "auto" and not on_terminal):
        shared = [structlog.processors.add_log_level, _stamped]
        renderer = [_decoded]
        lines = WrittenTogether(_buffered(sys.stdout.buffer))
        atexit.register(lines.write_now)
        factory: Any = lines.logger
        processors = [*shared, _TRACEBACKS, _as_it_is]
    else:
        shared = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
        renderer = [
            structlog.dev.ConsoleRenderer(colors=on_terminal, exception_formatter=structlog.dev.plain_traceback)
        ]
        factory = structlog.PrintLoggerFactory(sys.stdout)
        processors = [*shared, *renderer]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    _configure_libraries(shared, renderer, level)


def _buffered(file: BinaryIO) -> BinaryIO:
    """With PYTHONUNBUFFERED what is under stdout may take a part of what it is given."""
    return io.BufferedWriter(file) if isinstance(file, io.RawIOBase) else file


class WrittenTogether:
    """A logger of JSON lines. Those of one event loop are rendered and written together: a system call for each would
    take the loop longer than the rest of a log line, because other threads take the interpreter meanwhile."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = Lock()
        self._events: list[Any] = []
        self._due = False

    def logger(self, *_: Any) -> Self:
        """What structlog's loggers write to."""
        return self

    def msg(self, event: Any) -> None:
        with self._lock:
            self._events.append(event)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.write_now()
            return
        if not self._due:
            self._due = True
            loop.call_later(FLUSH_S, self._write_due)

    def _write_due(self) -> None:
        self._due = False
        self.write_now()

    def write_now(self) -> None:
        with self._lock:
            events, self._events = self._events, []
            if events:  # at the end the file may be closed
                self._file.write(b"".join(map(_line, events)))
                self._file.flush()

    debug = info = warning = error = critical = msg


FLUSH_S = 0.02
"""How late a line may be; what a killed process may not have said."""


def log_failure(log: Any, request_id: str | None, error: BaseException) -> None:
    """Where a request failed."""
    log.error("request failed", request_id=request_id, **_wordless(error))


def _wordless(error: BaseException) -> dict[str, Any]:
    """What kind of error came from where. Its own words stay out of every log: they may quote an instance."""
    return {"error": type(error).__qualname__, "trace": frames_of(error)}


def frames_of(error: BaseException) -> list[str]:
    """Where an error was raised, and before that in another process where it comes from one."""
    here = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for one in (error.__cause__, error)
        if one
        for frame in traceback.extract_tb(one.__traceback__)
    ]
    return [*getattr(error, FRAMES, ()), *here]


FRAMES = "frames_elsewhere"
"""The attribute of an error that comes from another process."""


def _configure_libraries(
    shared: list[structlog.types.Processor], renderer: list[structlog.types.Processor], level: int
) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _without_words, *renderer],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(max(level, logging.WARNING))


def _without_words(logger: Any, name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Libraries log the errors of requests too; their first line says which kind of failure it is."""
    exc_info = event.pop("exc_info", None)
    if exc_info:
        event["event"] = str(event["event"]).partition("\n")[0]
        event.update(_wordless(exc_info[1]))
    return event


def _stamped(logger: Any, name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    event["timestamp"] = datetime.now(UTC)
    return event


def _as_it_is(logger: Any, name: str, event: structlog.types.EventDict) -> tuple[tuple[Any], dict[str, Any]]:
    return (event,), {}


def _line(event: Any) -> bytes:
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # a huge number, or half of a surrogate pair: the other lines must not be lost by it
        return json.dumps(event, default=str).encode() + b"\n"


def _decoded(logger: Any, name: str, event: structlog.types.EventDict) -> str:
    return _line(event).decode().rstrip()
