"""Everything that callers do to a service, at once, for as long as it takes."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence, Set
from typing import Any
from urllib.parse import urlsplit

import httpx

TAUGHT, RELOADED, COMES_AND_GOES = "allennlp210_cnn", "bert_pair", "biome_v22_relation"
NEW_LABEL = "weather"
FORECASTS = ("it will rain all day", "snow and wind at night", "sun again by noon", "fog in the early morning")
EXAMPLES = [{"instance": {"sentence": text}, "label": NEW_LABEL} for text in FORECASTS]
BAD_BODIES = [
    b"",
    b"{",
    b'{"instances": []}',
    b'{"instances": [7]}',
    b'{"instances": ["\\ud800"]}',
    b'{"instances": ["a"], "parameters": {"top_k": -1}}',
    b'{"instances": [{"no such": "field"}]}',
    b"[" * 5_000,
]
LENGTHS = (1, 1, 1, 3, 16)
PATIENCE_MS = 30_000


class Traffic:
    """`counts` says what came of it; `wrong` holds what should not have: answers that changed, 5xx, accepted requests
    that were not answered."""

    def __init__(self, url: str, names: Sequence[str], examples: dict[str, list[Any]]) -> None:
        self.counts = Counter[str]()
        self.wrong: list[str] = []
        self._url = url
        self._names, self._examples = names, examples
        self._first: dict[tuple[str, int], list[float]] = {}
        self._rng = random.Random(1)

    async def run(self, seconds: float) -> None:
        roles: list[Callable[[httpx.AsyncClient], Awaitable[None]]] = [
            *[self.predict] * 6,
            *[self.explain] * 2,
            self.teach,
            self.reload,
            self.unload,
            self.ask_badly,
            *[self.leave] * 2,
        ]
        until = asyncio.get_running_loop().time() + seconds
        async with httpx.AsyncClient(base_url=self._url, timeout=60) as client:

            async def play(role: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
                while asyncio.get_running_loop().time() < until:
                    await role(client)
                    await asyncio.sleep(self._rng.uniform(0, 0.02))

            await asyncio.gather(*(play(role) for role in roles))

    async def predict(self, client: httpx.AsyncClient) -> None:
        name = self._rng.choice(self._names)
        chosen = self._rng.choices(range(len(self._examples[name])), k=self._rng.choice(LENGTHS))
        asked = {"instances": [self._examples[name][one] for one in chosen]}
        answer = await self._post(client, f"/v1/models/{name}:predict", asked, self._missing(name))
        if answer is None or name == TAUGHT:
            return
        for one, prediction in zip(chosen, answer.json()["predictions"], strict=True):
            scores = {scored["label"]: scored["score"] for scored in prediction["scores"]}
            self._hold((name, one), [scores[label] for label in sorted(scores)])

    def _hold(self, key: tuple[str, int], found: list[float]) -> None:
        """Against what was found the first time."""
        first = self._first.setdefault(key, found)
        if len(found) != len(first) or not all(map(close, found, first)):
            self.wrong.append(f"{key}: an answer changed from {first} to {found}")

    async def explain(self, client: httpx.AsyncClient) -> None:
        name = self._rng.choice(self._names)
        one = self._rng.randrange(len(self._examples[name]))
        asked = {"instances": [self._examples[name][one]], "parameters": {"n_steps": 20}}
        answer = await self._post(client, f"/v1/models/{name}:explain", asked, self._missing(name))
        if answer is not None and name != TAUGHT:
            found = answer.json()["explanations"][0]["attributions"]
            self._hold((f"{name} explained", one), [part["attribution"] for part in found])

    async def teach(self, client: httpx.AsyncClient) -> None:
        """A label comes, and goes again."""
        await self._post(client, f"/v1/models/{TAUGHT}/labels", {"labels": [NEW_LABEL], "examples": EXAMPLES})
        await self._post(client, f"/v1/models/{TAUGHT}/versions/1:activate", {})
        await asyncio.sleep(2)

    async def reload(self, client: httpx.AsyncClient) -> None:
        """While it answers."""
        await self._post(client, f"/v2/repository/models/{RELOADED}/load", {})
        await asyncio.sleep(2)

    async def unload(self, client: httpx.AsyncClient) -> None:
        await self._post(client, f"/v2/repository/models/{COMES_AND_GOES}/unload", {})
        await asyncio.sleep(1)
        await self._post(client, f"/v2/repository/models/{COMES_AND_GOES}/load", {})
        await asyncio.sleep(2)

    async def ask_badly(self, client: httpx.AsyncClient) -> None:
        name = self._rng.choice(self._names)
        path = f"/v1/models/{name}:{self._rng.choice(['predict', 'explain'])}"
        answer = await client.post(path, content=self._rng.choice(BAD_BODIES))
        self._count(path, answer, expected={400, 422, *self._missing(name)})

    async def leave(self, client: httpx.AsyncClient) -> None:
        """Asks, and is gone before the answer is there."""
        parts = urlsplit(self._url)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        name = self._rng.choice(self._names)
        body = json.dumps({"instances": self._examples[name][:8]}).encode()
        verb = self._rng.choice(["predict", "explain"])
        head = f"POST /v1/models/{name}:{verb} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[: self._rng.randint(0, len(body))])
        await asyncio.sleep(self._rng.uniform(0, 0.05))
        self.counts["left"] += 1
        if self._rng.random() < 0.5:
            writer.transport.abort()
        writer.close()

    async def _post(
        self, client: httpx.AsyncClient, path: str, asked: Any, missing: frozenset[int] = frozenset()
    ) -> httpx.Response | None:
        """The answer where it is good."""
        headers = {"X-Request-Timeout-Ms": str(PATIENCE_MS)}
        try:
            answer = await client.post(path, json=asked, headers=headers, timeout=2 * PATIENCE_MS / 1000)
        except httpx.TransportError as error:
            self.wrong.append(f"{path}: {error!r}")
            return None
        self._count(path, answer, expected={200, 429, *missing})
        return answer if answer.status_code == 200 else None

    @staticmethod
    def _missing(name: str) -> frozenset[int]:
        """Of a model that others unload: not there, or just coming."""
        return frozenset({404, 503}) if name == COMES_AND_GOES else frozenset()

    def _count(self, path: str, answer: httpx.Response, expected: Set[int]) -> None:
        self.counts[f"{path.rpartition(':')[2].rpartition('/')[2]} {answer.status_code}"] += 1
        if answer.status_code not in expected:
            self.wrong.append(f"{path}: {answer.status_code} {answer.text[:300]}")


def close(one: float, other: float) -> bool:
    return math.isclose(one, other, abs_tol=2e-5)


def texts_like(example: Any) -> list[Any]:
    """A model's example, and what begins as it does: whole words later, its entities are where they were."""
    return [longer(example, " ".join(["and", "more"] * half)) for half in (0, 1, 2, 4, 8, 16, 32)]


def longer(example: Any, more: str) -> Any:
    if isinstance(example, str):
        return f"{example} {more}".rstrip()
    if isinstance(example, dict):
        return {name: longer(value, more) if isinstance(value, str) else value for name, value in example.items()}
    return example
