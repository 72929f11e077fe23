"""`vitrine serve` of real archives that fail where they meet certain words. Settings from VITRINE_*."""

import sys

from app.server import serve
from app.settings import Settings
from tests.fault.faulty import load_faulty

if __name__ == "__main__":
    sys.exit(serve(Settings(), load=load_faulty))
