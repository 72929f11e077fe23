"""The service against what it could be at best, and against others."""

import app  # noqa: F401  (before torch: both sides get threads that wait asleep)
