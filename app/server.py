"""uvicorn, with an end that loses no request.

serving ──SIGTERM──► not ready, still serving ──drain_delay_s──► closed to new, answering ──► exit 0
   │                        └── a second signal skips the delay, a third one the answers
   └── device lost, or stuck ──► exit 70
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

import structlog
import uvicorn

from app.catalog import Load
from app.cores import Cores
from app.cpus import available_cpus
from app.device import choose_device
from app.device_processes import DeviceProcesses
from app.logging import configure_logging
from app.main import create_app, create_probes
from app.protocol import Protocol
from app.service import Service
from app.settings import Settings, unknown_variables

log = structlog.get_logger(__name__)

EXIT_NOT_LIVE = 70
"""EX_SOFTWARE of sysexits.h: a supervisor starts another process."""
KEEP_ALIVE_S = 75
"""Longer than load balancers keep idle connections (60 s), so that it is they who close."""
FATAL_GRACE_S = 1
"""Without a device there is nothing to wait for but answers that are being written."""
LAST_REQUESTS_S = 0.25
"""After no connection is accepted any more: for requests that are on their way over those that are open."""


class Server(uvicorn.Server):
    """uvicorn closes its socket at the first signal; this one lets load balancers notice first."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service
        self._loop: asyncio.AbstractEventLoop | None = None
        service.on_fatal = self._give_up
        self._probes: uvicorn.Server | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        for server in self.servers:
            for listener in server.sockets:
                host, port = listener.getsockname()[:2]
                log.info("listening", url=f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{port}")
        if self.service.settings.probe_port:
            self._probes = await start_probes(self.service)

    @property
    def _scheme(self) -> str:
        return "https" if self.config.is_ssl else "http"

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._take(self._close_to_new())
        await asyncio.sleep(LAST_REQUESTS_S)
        await super().shutdown(sockets)
        if self._probes:
            await self._probes.shutdown()

    def _close_to_new(self) -> list[socket.socket]:
        """The connections that wait in the kernel, which resets them where it finds them at the end."""
        waiting: list[socket.socket] = []
        for server in self.servers:
            listeners = [socket.socket(fileno=os.dup(one.fileno())) for one in server.sockets]
            server.close()
            for listener in listeners:
                with listener:
                    waiting += _accepted(listener, self.config.backlog)
        return waiting

    async def _take(self, connections: Sequence[socket.socket]) -> None:
        assert self._loop is not None
        state = {"server_state": self.server_state, "app_state": self.lifespan.state}
        protocol: Any = partial(Protocol, config=self.config, **state)
        take = partial(self._loop.connect_accepted_socket, protocol, ssl=self.config.ssl)
        with suppress(TimeoutError):  # of a client that is slow to speak TLS
            async with asyncio.timeout(LAST_REQUESTS_S):
                await asyncio.gather(*map(take, connections), return_exceptions=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
        elif self._loop is None or self.service.draining or sig == signal.SIGINT:
            self._stop()
        else:
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self.service.draining = True
        delay = self.service.settings.drain_delay_s
        asyncio.get_running_loop().call_later(delay, self._stop)  # first: a log that nobody reads any more may fail
        log.info("draining", delay_s=delay, queued=self.service.batcher.queued_items)

    def _give_up(self) -> None:
        self.config.timeout_graceful_shutdown = FATAL_GRACE_S
        self._stop()

    def _stop(self) -> None:
        self.service.draining = True
        self.should_exit = True


def _accepted(listener: socket.socket, most: int) -> Iterator[socket.socket]:
    with suppress(OSError):  # there are no more
        for _ in range(most):
            yield listener.accept()[0]


async def start_probes(service: Service, listener: socket.socket | None = None) -> uvicorn.Server:
    """Health and metrics on a port of their own, on this event loop: that of the settings, or of `listener`."""
    settings = service.settings
    options: dict[str, Any] = {"http": Protocol, "lifespan": "off", "log_config": None, "access_log": False}
    config = uvicorn.Config(create_probes(service), host=settings.host, port=settings.probe_port, **options)
    config.load()
    probes = uvicorn.Server(config)
    probes.lifespan = config.lifespan_class(config)
    await probes.startup([listener] if listener else None)
    return probes


def _device_processes(settings: Settings) -> DeviceProcesses | None:
    """Processes for the lane, where that is faster: not for a GPU, nor on one core."""
    cores = settings.threads or available_cpus()
    if not settings.device_process or cores < 2 or choose_device(settings.device).type != "cpu":
        return None
    return DeviceProcesses(Cores(cores)) if hasattr(os, "memfd_create") else None


def serve(settings: Settings, *, load: Load | None = None) -> int:
    """Serve until told to stop; the exit status of the process."""
    configure_logging(settings)
    if unknown := unknown_variables():
        log.warning("unknown variables", names=unknown, hint="No setting reads them; see vitrine serve --help.")
    app = create_app(settings, load=load, processes=_device_processes(settings))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=Protocol,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=settings.drain_timeout_s,
    )
    service: Service = app.state.service
    Server(config, service).run()
    status = EXIT_NOT_LIVE if service.not_live else 0
    log.info("stopped", status=status)
    if service.busy or service.not_live:
        sys.stdout.flush()
        os._exit(status)  # a normal exit waits for every thread, and one of these may never end
    return status
