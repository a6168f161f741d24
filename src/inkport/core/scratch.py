"""Temporary files and folders that are removed even where the run that made them was killed: the next one sweeps them.

Whoever makes one holds a lock on it (``flock`` on the file or folder itself) for as long as it is in use. The system
gives the lock up with the process, however that ends, and across containers that share a disk, where a process id tells
nothing. So what bears our name and can be locked has no owner any more.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


if sys.platform != "win32":
    import fcntl

PREFIX = "inkport-run-"
"""How the names of temporary folders begin: not as those of inkport 0.1, which has no locks and may be running."""
SUFFIX = "[a-z0-9_]{8}"
"""What ``tempfile`` ends a name with."""
TEMPORARY = re.compile(rf"{PREFIX}[a-z0-9-]+-{SUFFIX}")
"""Names of temporary folders."""

_swept: set[Path] = set()


class Owned:
    """A new empty folder or file of this process.

    Args:
        parent: Where it is made.
        prefix: How its name begins.
        folder: A folder, or a file.

    Raises:
        OSError: If the disk refuses.
    """

    def __init__(self, parent: Path, prefix: str, *, folder: bool = True) -> None:
        while True:
            self.path = _make(parent, prefix, folder=folder)
            self._lock = _lock(self.path)
            # A sweep may have come between the making and the locking.
            if self._lock is None or _is_still(self.path, self._lock):
                return
            os.close(self._lock)

    def release(self) -> None:
        """Give it up as it is: it is nobody's from now on, and a sweep removes it if it bears such a name."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def remove(self) -> None:
        """Remove what is there, as far as it can be removed, and give it up."""
        remove(self.path)
        self.release()


def scratch_folder(kind: str) -> Owned:
    """Make a temporary folder, which the caller removes; the first one of a process sweeps those of killed ones.

    Args:
        kind: What it is for: small letters, digits and ``-``.
    """
    sweep_temporary()
    return Owned(Path(tempfile.gettempdir()), f"{PREFIX}{kind}-")


@contextmanager
def scratch(kind: str) -> Iterator[Path]:
    """Yield a temporary folder that is removed when the block ends, or if that never happens, by the next run.

    Args:
        kind: What it is for: small letters, digits and ``-``.
    """
    folder = scratch_folder(kind)
    try:
        yield folder.path
    finally:
        folder.remove()


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all that is in it, as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def sweep_temporary() -> None:
    """Remove the temporary folders of runs that were killed; once per process."""
    # Where no folder can be written to, nothing was left, and whoever needs one will say so.
    with suppress(OSError):
        sweep(Path(tempfile.gettempdir()), TEMPORARY)


def sweep(parent: Path, names: re.Pattern[str]) -> None:
    """Remove what bears such a name in ``parent`` and has no owner any more; once per process and parent.

    What belongs to other users, links, and what is neither a file nor a folder stay.
    """
    if sys.platform == "win32" or parent in _swept:
        return
    _swept.add(parent)
    with suppress(OSError):
        for entry in list(os.scandir(parent)):
            if names.fullmatch(entry.name):
                with suppress(OSError):
                    _remove_if_left(entry)


def _remove_if_left(entry: os.DirEntry[str]) -> None:
    kind = entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
    if not kind or entry.stat(follow_symlinks=False).st_uid != os.geteuid():
        return
    path = Path(entry.path)
    lock = _lock(path)
    # Without a lock there is an owner, or a disk that has no locks and so no way to tell.
    if lock is not None:
        if _is_still(path, lock):
            remove(path)
        os.close(lock)


def _make(parent: Path, prefix: str, *, folder: bool) -> Path:
    if folder:
        return Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
    descriptor, name = tempfile.mkstemp(dir=parent, prefix=prefix)
    os.close(descriptor)
    return Path(name)


def _lock(path: Path) -> int | None:
    """Return a descriptor that locks the path; None if somebody else does, or there are no locks here."""
    if sys.platform == "win32":
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the path is what the descriptor has locked."""
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(descriptor))
    except OSError:
        return False
