"""Writing files and folders so that a kill leaves the old content or the new, and checking first that it can be."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from inkport.core.errors import UsageError, describe_os_error
from inkport.core.scratch import SUFFIX, Owned, remove, sweep


LEFT = re.compile(rf"\..+\.(?:new|old)\.{SUFFIX}")
"""Names of what is made beside a path before it becomes the path, and of what was there before."""
TAKEN = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR})
"""What renaming a folder says where something is already."""


def write_atomically(path: Path, data: bytes | str) -> None:
    r"""Replace the content of ``path``; the folder is made if needed.

    Args:
        path: The file.
        data: Its content. Text becomes UTF-8; what a file name has that is none becomes an escape, as ``\udce9``.

    Raises:
        OSError: If the disk refuses; ``path`` is then as it was.
    """
    with new_file(path) as draft:
        draft.write_bytes(data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data)


def printable(name: str) -> str:
    r"""Return a file name as text that every report can hold: a byte that is not UTF-8 becomes ``\xe9``.

    Python holds such bytes as halves of surrogate pairs, which no encoding takes.
    """
    return name if name.isascii() else name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield an empty file that becomes ``path`` when the block ends without an error; the folder is made if needed.

    Raises:
        OSError: If the disk refuses; ``path`` is then as it was.
    """
    with _draft(path, folder=False) as draft:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.chmod(0o644)
        draft.replace(path)


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes ``path`` when the block ends without an error.

    Whatever was at ``path`` stays until then, and for good if the block fails. Several runs may do so at once: each
    ends well, and the last one's folder stays. Where the system can exchange two folders in one step, ``path`` is
    never missing; elsewhere a kill between two renames leaves the old folder beside it, named ``.<name>.old.*``.
    What killed runs have left is removed with the next new folder in the same place.

    Raises:
        OSError: If the disk refuses; ``path`` is then as it was.
    """
    with _draft(path, folder=True) as draft:
        yield draft
        draft.chmod(0o755)
        _publish(draft, path)


@contextmanager
def _draft(path: Path, *, folder: bool) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent.absolute(), LEFT)
    draft = Owned(path.parent, f".{path.name}.new.", folder=folder)
    try:
        yield draft.path
    except BaseException:
        draft.remove()
        raise
    draft.release()


def _publish(draft: Path, path: Path) -> None:
    # Each round that ends without success has seen another run publish meanwhile.
    while not (_take_place(draft, path) or _exchange(draft, path) or _swap(draft, path)):
        pass


def _take_place(draft: Path, path: Path) -> bool:
    """Rename the draft to a path where nothing is, or an empty folder."""
    try:
        draft.replace(path)
    except OSError as error:
        # Windows says EACCES, for other faults, too.
        if error.errno in TAKEN or (sys.platform == "win32" and path.exists()):
            return False
        raise
    return True


def _exchange(draft: Path, path: Path) -> bool:
    with suppress(FileNotFoundError):
        if exchange(draft, path):
            remove(draft)
            return True
    return False


def _swap(draft: Path, path: Path) -> bool:
    """Put the path aside and take its place, in two steps."""
    attic = Owned(path.parent, f".{path.name}.old.")
    old = attic.path / path.name
    try:
        with suppress(FileNotFoundError):
            path.replace(old)
        return _take_place(draft, path)
    except BaseException:
        # Unless another run has published meanwhile: then that one's stays.
        with suppress(OSError):
            old.replace(path)
        raise
    finally:
        attic.remove()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


AT_FDCWD = -100
"""Linux's "relative to the working directory" (``fcntl.h``)."""
RENAME_EXCHANGE, RENAME_SWAP = 2, 2
"""The flags of Linux (``linux/fs.h``) and macOS (``sys/stdio.h``)."""
CANNOT = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})
"""How systems and file systems say that they have no such call."""


def exchange(a: Path, b: Path) -> bool:
    """Exchange two files or folders of one file system; nobody ever sees one of the names missing.

    Returns:
        Whether it was done; if not, this system or file system cannot.

    Raises:
        OSError: If the system can, and refuses: ``FileNotFoundError`` if one of them is not there.

    Source:
        renameat2(2) with RENAME_EXCHANGE, Linux 3.15; renamex_np(2) with RENAME_SWAP, macOS 10.12.
    """
    call = _call()
    if call is None:
        return False
    ctypes.set_errno(0)
    if call(os.fsencode(a), os.fsencode(b)) == 0:
        return True
    if (code := ctypes.get_errno()) in CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(a), None, str(b))


@cache
def _call() -> Any:
    system: str = sys.platform
    if system not in ("linux", "darwin"):
        return None
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2" if system == "linux" else "renamex_np", None)
    if function is None:
        return None
    if system == "linux":
        return lambda a, b: function(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE)
    return lambda a, b: function(a, b, RENAME_SWAP)


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
