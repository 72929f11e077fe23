"""Exits 0 when the service in this container is ready to answer, 1 when it is not. Needs nothing but Python."""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

PORT = os.environ.get("VITRINE_PORT", "8000")

try:
    urlopen(f"http://127.0.0.1:{PORT}/v2/health/ready", timeout=4)
except (URLError, OSError) as reason:
    sys.exit(f"not ready: {reason}")
