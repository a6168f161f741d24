"""Largest numbers that may be asked for, each with its reason."""

from __future__ import annotations

from inkport.core.errors import RecipeError, UsageError


LARGEST = 2**63 - 1
"""Largest integer that TOML promises to carry, and that the libraries we hand numbers to can take."""
LARGEST_SEED = 2**32 - 1
"""Largest seed that every generator takes: numpy's older ones take no other, and sums of a larger one overflow."""
MOST_THREADS = 1024
"""Most threads or processes that anything may ask for: two of today's largest processors have 768. Engines take such a
number as it is, and allocate for it."""


def require_threads(threads: int, name: str = "threads") -> None:
    """Refuse a number of threads or processes that nothing can run.

    Raises:
        UsageError: If it is not 1 to ``MOST_THREADS``.
    """
    if threads < 1:
        raise UsageError(f"{name} must be at least 1, found {threads}")
    if threads > MOST_THREADS:
        raise UsageError(f"{name} must be at most {MOST_THREADS:,}, found {threads}")


def require_seed(seed: int) -> None:
    """Refuse a seed that not every generator takes.

    Raises:
        RecipeError: If it is not 0 to ``LARGEST_SEED``.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise RecipeError(f"seed must be at least 0 and at most {LARGEST_SEED:,}, found {seed}")
