"""The held-out business names of the demo, as instances: one JSON string a line."""

from __future__ import annotations

import json
import sys

from app.demo.datasets import load_rows

if __name__ == "__main__":
    for row in load_rows("business_names", "validation"):
        sys.stdout.write(json.dumps(row["text"]) + "\n")
