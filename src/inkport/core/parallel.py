"""How many threads or processes may be asked for."""

from __future__ import annotations

from inkport.core.errors import UsageError


MOST_THREADS = 1024
"""Most threads or processes that anything may ask for: two of today's largest processors have 768. Engines take such a
number as it is, and allocate for it."""


def require_threads(threads: int, name: str = "threads") -> None:
    """Refuse a number of threads or processes that nothing can run.

    Raises:
        UsageError: If it is not 1 to ``MOST_THREADS``.
    """
    if not 1 <= threads <= MOST_THREADS:
        raise UsageError(f"{name} must be at least 1 and at most {MOST_THREADS:,}, found {threads}")
