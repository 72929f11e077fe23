"""The service: HTTP in, HTTP out."""

import os

# Set before torch loads OpenMP. Its threads otherwise spin while they wait, on cores that the event loop, the
# featurizers and the other threads of the batch need: measured on two shared cores, a MiniLM-shaped BERT then runs at
# a tenth of its speed.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
