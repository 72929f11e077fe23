"""The service: HTTP in, HTTP out."""

import os

# Set before torch loads OpenMP. The cores have one owner, app/cores.py: no thread takes more than one by itself.
# Whatever was set before: that stands for every thread of the process, and once OpenMP has more of them than there are
# cores, all of them sleep between operations.
os.environ["OMP_NUM_THREADS"] = "1"
# Threads that wait for each other spin for some 50 us, which bridges the gaps between the operations of one text. By
# default they spin on and on, on cores that the event loop and the featurizers need: measured on two shared cores, a
# MiniLM-shaped BERT then ran at a tenth of its speed. Without spinning it answers a single text at half its speed.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")
