"""`vitrine`, but one instance alone has two threads of torch: what is faster on a small machine is now this, now that.

`python -m tests.oracle.two_threads serve ...`
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app import device
from app.cli import main
from app.spreading import Spread
from app.trials import Trials, trials


def two_threads(*measured: Any) -> Trials:
    return replace((yield from trials(*measured)), alone=Spread(threads=2))


if __name__ == "__main__":
    device.trials = two_threads
    main()
