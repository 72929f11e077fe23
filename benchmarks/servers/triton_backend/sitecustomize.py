"""For the interpreter in Triton's Python backend, which is older than the standard library that it finds: its locks
cannot count what `multiprocessing` wants counted."""

import threading
from multiprocessing import resource_tracker
from typing import Any

tracker: Any = resource_tracker._resource_tracker
if not hasattr(threading.RLock(), "_recursion_count"):
    tracker._lock = threading._PyRLock()
