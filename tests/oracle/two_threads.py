"""`vitrine`, but one instance alone has two threads of torch: what is faster on a small machine is now this, now that.

`python -m tests.oracle.two_threads serve ...`
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.cli import main
from app.cores import Cores, Trials
from app.spreading import Spread

if __name__ == "__main__":
    measured = Cores.trials

    def two_threads(self: Cores, *args: Any) -> Trials:
        return replace((yield from measured(self, *args)), alone=Spread(threads=2))

    Cores.trials = two_threads  # type: ignore[method-assign]
    main()
