"""Trains several demo models at once, each in a process of its own: one takes one core, whatever it is given."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from app.cpus import available_cpus
from app.demo.recipes import Recipe
from app.demo.training import Result, train

Told = Callable[[str, float], None]
"""Takes the name of a recipe, and how many of its epochs were done since the last call."""
Messages = SimpleQueue[tuple[str, float] | None]


class Written(NamedTuple):
    result: Result
    archive: bytes


def train_all(recipes: Sequence[Recipe], seed: int, told: Told) -> Iterator[Written]:
    """In the order of the recipes, each as soon as it and those before it are trained. What one raises ends all."""
    workers = min(available_cpus(), len(recipes))
    if workers == 1:
        yield from (_written(recipe, seed, told) for recipe in recipes)
        return
    processes = multiprocessing.get_context("spawn")  # a fork would inherit torch's threads as they stand
    with (
        _heard(processes.SimpleQueue(), told) as messages,
        ProcessPoolExecutor(workers, processes, _begin, (messages,)) as pool,
    ):
        futures = [pool.submit(_in_worker, recipe, seed) for recipe in recipes]
        try:
            yield from (future.result() for future in futures)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _written(recipe: Recipe, seed: int, told: Told) -> Written:
    trained = train(recipe, seed=seed, on_progress=partial(told, recipe.name))
    with TemporaryDirectory() as folder:
        path = trained.write(Path(folder))
        return Written(trained.result, path.read_bytes())


@contextmanager
def _heard(messages: Messages, told: Told) -> Iterator[Messages]:
    """Passes on what workers say; None ends it."""

    def listen() -> None:
        while message := messages.get():
            told(*message)

    listener = threading.Thread(target=listen, name="demo-progress", daemon=True)
    listener.start()
    try:
        yield messages
    finally:
        messages.put(None)
        listener.join()


_worker: dict[str, Messages] = {}


def _begin(messages: Messages) -> None:
    """In a new worker. It ends when it is interrupted, and with the process that started it however that ends."""
    _worker["messages"] = messages
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    parent = multiprocessing.parent_process()
    assert parent

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _in_worker(recipe: Recipe, seed: int) -> Written:
    return _written(recipe, seed, lambda name, epochs: _worker["messages"].put((name, epochs)))
