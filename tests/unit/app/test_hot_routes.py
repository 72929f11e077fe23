"""Which requests take the short way, and what it answers to errors."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.errors import Overloaded
from app.hot_routes import HotRoutes

pytestmark = pytest.mark.anyio


class Recorded:
    """An ASGI application that notes what it was asked, and fails with `error` where there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.names: list[str | None] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.names.append(scope.get("path_params", {}).get("name"))
        if self.error:
            raise self.error


async def asked(hot: HotRoutes, path: str, method: str = "POST") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await hot({"type": "http", "method": method, "path": path}, None, send)  # type: ignore[arg-type]
    return sent


async def test_a_verb_of_a_model_goes_straight_to_its_endpoint() -> None:
    rest, predict, explain = Recorded(), Recorded(), Recorded()
    hot = HotRoutes(rest, {"predict": predict, "explain": explain})
    await asked(hot, "/v1/models/mood:predict")
    await asked(hot, "/v1/models/a:b:explain")
    assert (rest.names, predict.names, explain.names) == ([], ["mood"], ["a:b"])


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/v1/models/mood:predict", "GET"),
        ("/v1/models/mood:other", "POST"),
        ("/v1/models/:predict", "POST"),
        ("/v1/models/mood", "POST"),
        ("/v1/models/mood/labels:predict", "POST"),
        ("/v2/models/mood:predict", "POST"),
    ],
)
async def test_everything_else_goes_to_the_application(path: str, method: str) -> None:
    rest, predict = Recorded(), Recorded()
    await asked(HotRoutes(rest, {"predict": predict}), path, method)
    assert (len(rest.names), predict.names) == (1, [])


async def test_an_error_is_answered_as_everywhere() -> None:
    hot = HotRoutes(Recorded(), {"predict": Recorded(Overloaded("The queue is full.", 7))})
    start, body = await asked(hot, "/v1/models/mood:predict")
    assert start["status"] == 429
    assert (b"retry-after", b"7") in start["headers"]
    assert "The queue is full." in orjson.loads(body["body"])["detail"]


async def test_what_nobody_foresaw_goes_on_to_whom_it_concerns() -> None:
    with pytest.raises(ZeroDivisionError):
        await asked(HotRoutes(Recorded(), {"predict": Recorded(ZeroDivisionError())}), "/v1/models/mood:predict")
