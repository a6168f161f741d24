"""Checks, before any work, that its result can be written where it is wanted."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from inkport.core.errors import UsageError
from inkport.core.exits import describe_os_error


REMEDY = "name a place that can be written to"
ABSENT = (errno.ENOENT, errno.ENOTDIR)
"""What the system says of a path that is not there; anything else is wrong with the path itself."""


def require_folder(path: Path) -> None:
    """Refuse a path that can be no folder to write to: there, or to be made. Nothing is made or changed.

    Raises:
        UsageError: If it, or what it would be made in, is not a folder or cannot be written to.
    """
    _require_name(path)
    _require_room(path, path)


def require_file(path: Path) -> None:
    """Refuse a path that can be no file to write: a folder, a device, or one whose folder cannot be written to.

    Raises:
        UsageError: If so.
    """
    _require_name(path)
    if path.is_dir():
        raise UsageError(f"{path} cannot be written: it is a folder", remedy="name a file")
    if (path.exists() and not path.is_file()) or _is_device(path):
        # A file is replaced in one step, and so would be /dev/null or the link /dev/stdout, for everybody.
        raise UsageError(f"{path} cannot be written: it is not a regular file", remedy="name a file")
    _require_room(path, path.parent)


def require_artifact(path: Path) -> None:
    """Refuse a path that can be no artifact's folder: what it holds would be replaced, so it must be one or empty.

    Raises:
        UsageError: If so.
    """
    # Artefacts need numpy, which --help must not load.
    from inkport.core.artifact import refuse_to_replace

    require_folder(path)
    refuse_to_replace(path)


def _require_room(path: Path, folder: Path) -> None:
    nearest = next((place for place in (folder, *folder.absolute().parents) if os.path.lexists(place)), folder)
    if not nearest.is_dir():
        what = "a symbolic link that leads nowhere" if nearest.is_symlink() and not nearest.exists() else "not a folder"
        raise UsageError(f"{path} cannot be written to: {nearest} is {what}", remedy=REMEDY)
    try:
        # Whoever may do everything is told nothing by permission bits, and a full disk has none: hence a file.
        with tempfile.TemporaryFile(dir=nearest) as probe:
            probe.write(b"inkport")
            probe.flush()
    except OSError as error:
        reason = error.strerror or describe_os_error(error)
        raise UsageError(f"{path} cannot be written to: {nearest}: {reason}", remedy=REMEDY) from error


def _is_device(path: Path) -> bool:
    place = path.absolute()
    return place.is_relative_to("/dev") and not place.is_relative_to("/dev/shm")  # noqa: S108 - a folder like others


def _require_name(path: Path) -> None:
    try:
        path.lstat()
    except (OSError, ValueError) as error:
        if not isinstance(error, OSError) or error.errno not in ABSENT:
            reason = error.strerror if isinstance(error, OSError) else error
            raise UsageError(f"{str(path)[:80]!r} cannot be written to: {reason}", remedy=REMEDY) from error
