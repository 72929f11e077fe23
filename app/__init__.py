"""The service: HTTP in, HTTP out."""

import os

# Set before torch loads OpenMP. The cores have one owner, app/cores.py: no thread takes more than one unless told to.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Threads that wait for each other spin for some 50 us, which bridges the gaps between the operations of one text. By
# default they spin on and on, on cores that the event loop and the featurizers need: measured on two shared cores, a
# MiniLM-shaped BERT then ran at a tenth of its speed. Without spinning it answers a single text at half its speed.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")
