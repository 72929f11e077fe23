"""Plain FastAPI and transformers, in the project's own environment."""

from __future__ import annotations

from benchmarks.targets.target import Server

PLAIN = Server("fastapi", lambda site: site.script("fastapi_server.py"))
ASYNC = Server("fastapi-async", lambda site: site.script("fastapi_server.py", "--async"))
