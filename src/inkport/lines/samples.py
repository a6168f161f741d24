"""The sample lines that come with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from inkport.core.errors import UsageError


def sample_lines() -> Path:
    """Return the manifest of the shipped sample lines.

    Raises:
        UsageError: If this build has none.
    """
    manifest = Path(str(files("inkport.benchmarks"))) / "samples" / "lines.tsv"
    if not manifest.is_file():
        raise UsageError("this build of inkport ships no sample lines", remedy="pass line sets with --lines")
    return manifest
