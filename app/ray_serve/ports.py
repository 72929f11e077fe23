"""Ports of replicas that share a node."""

from __future__ import annotations

import errno
import socket

PORTS = 100


def first_free(host: str, first: int) -> socket.socket:
    """A socket on `first`, or on the next port that nobody has. Raises ValueError where 100 are taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(first, min(first + PORTS, 65_536)):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise ValueError(f"VITRINE_PROBE_PORT cannot be served at {host!r}: {error.strerror}.") from error
        else:
            return listener
    raise ValueError(f"VITRINE_PROBE_PORT is {first}, and the {PORTS} ports from there on are taken. Choose another.")
