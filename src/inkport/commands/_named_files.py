"""Files that are named on a command line: themselves, by a folder, or by a pattern."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from inkport.core.errors import LineDataError


def is_pattern(path: Path) -> bool:
    """Return whether a name stands for others; a file may have a bracket in its own."""
    return glob.has_magic(str(path)) and not path.exists()


def named_files(path: Path, list_folder: Callable[[Path], Sequence[str]]) -> Iterator[Path]:
    """Yield the files that were named.

    Args:
        path: A file, whether it is there or not; a folder; a pattern.
        list_folder: Returns the names of the files that are meant by a folder.

    Raises:
        LineDataError: If a folder holds none, or a pattern fits nothing.
    """
    if path.is_dir():
        try:
            yield from (path / name for name in list_folder(path))
        except LineDataError as error:
            raise LineDataError(error.message, remedy="name images, or a folder that holds some") from error
    elif is_pattern(path):
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not found:
            raise LineDataError(f"{path}: no file fits this pattern", remedy="check the pattern, or name the files")
        yield from (file for file in map(Path, found) if not file.is_dir())
    else:
        yield path
