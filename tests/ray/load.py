"""Clients that ask one after the other, and ask again where docs/scale.md says that they should."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

PATIENCE_S = 30
PAUSE_S = 0.1
HAPROXYS_WORDS = "Internal Server Error"
"""Where it finds no replica."""


class Load:
    """Runs until the block ends. Each client asks every one of `urls` in turn.

    `texts` say what is right: which of their labels comes first. Labels that were taught since may come before.

    `answered` counts right answers, `again` the reasons why a request was sent once more, `lost` what came of those
    that never had a right answer.
    """

    def __init__(self, urls: Sequence[str], path: str, texts: Mapping[str, str], clients: int = 8) -> None:
        self.answered = 0
        self.again: Counter[str] = Counter()
        self.lost: list[str] = []
        self.slowest_s = 0.0
        self._urls, self._path, self._texts = urls, path, texts
        self._labels = set(texts.values())
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._client, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_S)

    def _client(self, number: int) -> None:
        urls = itertools.islice(itertools.cycle(self._urls), number, None)
        texts = itertools.islice(itertools.cycle(self._texts.items()), number, None)
        with httpx.Client(timeout=PATIENCE_S) as client:
            while not self._stop.is_set():
                self._ask(client, urls, *next(texts))

    def _ask(self, client: httpx.Client, urls: Any, text: str, label: str) -> None:
        started = time.monotonic()
        while True:
            outcome = self._once(client, next(urls), text, label)
            waited = time.monotonic() - started
            with self._lock:
                if outcome == "right":
                    self.answered += 1
                    self.slowest_s = max(self.slowest_s, waited)
                    return
                if outcome.startswith("wrong") or waited > PATIENCE_S:
                    self.lost.append(outcome)
                    return
                self.again[outcome] += 1
            time.sleep(PAUSE_S)

    def _once(self, client: httpx.Client, url: str, text: str, label: str) -> str:
        try:
            answer = client.post(url + self._path, json={"instances": [text]})
        except httpx.TransportError as error:
            return type(error).__name__
        if answer.status_code == 503:
            return str(answer.json()["code"])
        if answer.status_code == 500 and answer.text == HAPROXYS_WORDS:
            return "500"
        scores = answer.json()["predictions"][0]["scores"] if answer.is_success else []
        of_the_original = [one["label"] for one in scores if one["label"] in self._labels]
        return "right" if of_the_original[:1] == [label] else f"wrong: {answer.status_code} {answer.text[:200]}"
