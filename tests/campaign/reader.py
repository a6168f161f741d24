"""What a reader of somebody's bytes is, for the tables of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A function that takes files from elsewhere: it succeeds, or raises an ``InkportError``, and nothing else."""

    name: str
    """Kind of the files; their seeds lie in a folder of this name."""
    modules: tuple[str, ...]
    """Modules below ``inkport`` whose parsing this reaches."""
    read: Callable[[Path], object]
    """Reads the sample in a folder, and uses what it got as its callers do."""
