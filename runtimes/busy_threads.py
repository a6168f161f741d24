"""How many threads a session computes with, counted from outside: by the time that each one spends on a processor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


TASKS = Path("/proc/self/task")
"""Where Linux shows the threads of this process."""
SHARE = 0.1
"""A thread that computes less than this share of what the busiest does is one that keeps house."""


def thread_times(tasks: Path = TASKS) -> dict[str, int]:
    """Return the time that each thread of this process has run so far, in nanoseconds, by its id.

    Args:
        tasks: Where the system shows threads; another folder in tests.

    Returns:
        Nothing where the system does not tell.
    """
    found: dict[str, int] = {}
    for folder in tasks.glob("[0-9]*"):
        try:
            found[folder.name] = int((folder / "schedstat").read_text(encoding="ascii").split()[0])
        except (OSError, ValueError, IndexError):
            continue  # It has ended meanwhile, or this system counts nothing.
    return found


def busy_threads(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    """Return how many threads computed between two calls of ``thread_times``."""
    spent = [ran - before.get(thread, 0) for thread, ran in after.items()]
    busiest = max(spent, default=0)
    return sum(ran >= SHARE * busiest for ran in spent) if busiest else 0
