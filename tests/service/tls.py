"""A certificate that nobody but its maker trusts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class SelfSigned(NamedTuple):
    certificate: Path
    key: Path


def self_signed(folder: Path) -> SelfSigned:
    """For 127.0.0.1 and localhost, for a day."""
    made = SelfSigned(folder / "cert.pem", folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", made.key,
         "-out", made.certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return made
