"""Trains several demo models at once, each in a process of its own: one takes one core, whatever it is given."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from app.cpus import available_cpus
from app.demo.recipes import Recipe
from app.demo.training import Result, train
from app.memory import host_memory

WORKER_BYTES = 1 << 30
"""What a worker may need, with torch and all."""

Told = Callable[[str, float], None]
"""Takes the name of a recipe, and how many of its epochs were done since the last call."""
Work = tuple["Synchronized[int]", Sequence[Recipe], int]
"""Whose turn it is, the recipes, and the seed."""


class Written(NamedTuple):
    result: Result
    archive: bytes


class Progress(NamedTuple):
    name: str
    epochs: float


def train_all(recipes: Sequence[Recipe], seed: int, told: Told) -> Iterator[Written]:
    """Each as soon as it is trained.

    What one raises ends all, and so does a worker that is killed: ChildProcessError.
    """
    workers = _workers(len(recipes))
    if workers == 1:
        yield from (_written(recipe, seed, told) for recipe in recipes)
        return
    processes = multiprocessing.get_context("spawn")  # a fork would inherit torch's threads as they stand
    turn = processes.Value("i", 0)
    running = dict(_started(processes, workers, (turn, recipes, seed)))
    try:
        while running:
            for pipe in wait(list(running)):
                assert isinstance(pipe, Connection)
                try:
                    message = pipe.recv()
                except EOFError:
                    _ended(running.pop(pipe))
                    continue
                if isinstance(message, Exception):
                    raise message
                if isinstance(message, Written):
                    yield message
                else:
                    told(*message)
    finally:
        for process in running.values():
            process.kill()
            process.join()


def _workers(recipes: int) -> int:
    room = host_memory().get("total", sys.maxsize) // WORKER_BYTES
    return max(1, min(available_cpus(), room, recipes))


def _started(processes: SpawnContext, workers: int, work: Work) -> Iterator[tuple[Connection, SpawnProcess]]:
    """Workers, each with the pipe that it speaks through."""
    for _ in range(workers):
        ours, theirs = processes.Pipe(duplex=False)
        process = processes.Process(target=_work, args=(theirs, *work), daemon=True)
        process.start()
        theirs.close()
        yield ours, process


def _ended(process: SpawnProcess) -> None:
    process.join()
    if process.exitcode:
        raise ChildProcessError(
            f"A process that trained demo models was ended from outside ({process.exitcode}). "
            "Where memory is short, allow more, or let it use one core: taskset -c 0 vitrine demo."
        )


def _written(recipe: Recipe, seed: int, told: Told) -> Written:
    trained = train(recipe, seed=seed, on_progress=partial(told, recipe.name))
    with TemporaryDirectory() as folder:
        path = trained.write(Path(folder))
        return Written(trained.result, path.read_bytes())


def _work(pipe: Connection, turn: Synchronized[int], recipes: Sequence[Recipe], seed: int) -> None:
    """A worker: takes the next recipe until there is none, or until the process that started it has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C the parent thinks for all
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        while (index := _next(turn)) < len(recipes):
            pipe.send(_written(recipes[index], seed, lambda name, epochs: pipe.send(Progress(name, epochs))))
    except Exception as error:  # noqa: BLE001 - it is raised where the caller is
        pipe.send(error)


def _next(turn: Synchronized[int]) -> int:
    with turn.get_lock():
        turn.value += 1
        return turn.value - 1


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)
