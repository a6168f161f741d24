"""Telling a person at a terminal how far a run is."""

from __future__ import annotations

import sys
from typing import Protocol


class Progress(Protocol):
    """Told what is being done and how much of it is done."""

    def __call__(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Show ``stage``; ``total`` 0 if its length is unknown."""
        ...


def silent(stage: str, done: int = 0, total: int = 0) -> None:
    """Show nothing."""


def terminal_progress() -> Progress:
    """Return a progress line on standard error if that is a terminal, else ``silent``."""
    return _rewrite_line if sys.stderr.isatty() else silent


def clear_progress() -> None:
    """Take the progress line away again."""
    if sys.stderr.isatty():
        _rewrite_line("")


def _rewrite_line(stage: str, done: int = 0, total: int = 0) -> None:
    share = f" {done}/{total}" if total else ""
    sys.stderr.write(f"\r\x1b[K{stage}{share}")
    sys.stderr.flush()
