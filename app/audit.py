"""A line in the log for every change to what is served, at a level that is always logged."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import Request

log = structlog.get_logger(__name__)


def audit(what: str, who: str, model: str, request: Request, **details: Any) -> None:
    log.critical(
        "audit",
        what=what,
        who=who,
        model=model,
        **details,
        client=request.client.host if request.client else None,
        request_id=request.scope.get("vitrine.request_id"),
    )
