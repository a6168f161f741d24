"""Warnings on stderr: they change neither the result nor the exit code."""

from __future__ import annotations

import sys

from inkport.core.processors import count_processors, sharing


def warn(text: str) -> None:
    """Write a warning."""
    sys.stderr.write(f"warning: {text}\n")


def warn_of_sharing(threads: int) -> None:
    """Warn if there are fewer processors than threads: they take turns, and times are longer than with fewer."""
    if shared := sharing(threads, count_processors()):
        warn(f"{shared}: they take turns, and a line takes longer than with fewer threads")
