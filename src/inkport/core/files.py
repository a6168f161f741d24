"""Writing files and folders so that a kill leaves either the old content or the new, never half of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
    r"""Return a file name as text that every report can hold: a byte that is no UTF-8 becomes ``\xe9``.

    Python holds such bytes as halves of surrogate pairs, which no encoding takes.
    """
    return name if name.isascii() else name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield an empty file that becomes ``path`` when the block ends without an error; the folder is made if needed.

    Raises:
        OSError: If the disk refuses; ``path`` is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.chmod(0o644)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes ``path`` when the block ends without an error.

    Whatever was at ``path`` stays until then, and for good if the block fails. No portable call swaps two folders
    in one step, so a kill between the two renames leaves the old folder beside ``path``, named ``.<name>.old.*``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield draft
        draft.chmod(0o755)
        if path.exists():
            _swap(draft, path)
        else:
            draft.replace(path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _swap(draft: Path, path: Path) -> None:
    attic = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
    old = path.replace(attic / path.name)
    try:
        draft.replace(path)
    except BaseException:
        old.replace(path)
        attic.rmdir()
        raise
    shutil.rmtree(attic)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
