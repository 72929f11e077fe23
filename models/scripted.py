"""Loops and layers in TorchScript: they run without the interpreter's lock, which other threads then have.

No compiler needs to be at hand, and what several threads run goes side by side. As lines of Python each small operation
would end with a wait for the lock, for as long as whoever has it does not wait for anything itself.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

Given = ParamSpec("Given")
Found = TypeVar("Found")


def scripted(function: Callable[Given, Found]) -> Callable[Given, Found]:
    """The function in TorchScript, as it is written: without trials of how it might be run, for which the first calls
    with anything new would have to wait, and which gain nothing here.

    Had better give back plain tuples: for a named one a class is made anew each time, which may take longer than all
    that it does."""
    with warnings.catch_warnings():
        # torch names torch.compile in its stead, which needs a C++ compiler where the service runs.
        warnings.simplefilter("ignore", DeprecationWarning)
        script: Callable[Given, Found] = torch.jit.script(function)

    @functools.wraps(function)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]  # of this thread
            return script(*args, **kwargs)

    return run
