"""`vitrine serve` with tiny classifiers: what the tests start as a process of its own. Settings from VITRINE_*."""

import sys

from app.server import serve
from app.settings import Settings
from tests.service.tiny import load_tiny


def main() -> int:
    return serve(Settings(), load=load_tiny)


if __name__ == "__main__":
    sys.exit(main())
