"""Opening files that somebody else named: only regular files, and no more of them than was asked for.

A pipe blocks until somebody writes into it, a device such as ``/dev/zero`` never ends.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


KINDS = (
    (stat.S_ISDIR, errno.EISDIR, "a folder, not a file"),
    (stat.S_ISFIFO, errno.EINVAL, "a pipe, not a file: save to a file what comes out of it"),
    (stat.S_ISSOCK, errno.EINVAL, "a socket, not a file"),
)
"""What is not read: a test on the mode, the number of the error, and the words for it."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, without waiting for anybody.

    Raises:
        OSError: If it cannot be opened, or is anything else than a regular file; the text says what it is.
    """
    # Neither flag is there on Windows, which has no named pipes among its files.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except ValueError as error:
        raise OSError(errno.EINVAL, f"no possible name of a file ({error})", str(path)) from error
    # The open file is asked, not its name: that may lead elsewhere a moment later.
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        code, what = next(((code, what) for test, code, what in KINDS if test(mode)), (errno.EINVAL, "a device"))
        raise OSError(code, what, str(path))
    return os.fdopen(handle, "rb")


def read_bytes(path: Path, *, limit: int) -> bytes:
    """Return the content of a regular file.

    Args:
        path: The file.
        limit: Most bytes that it may have; no more are read.

    Raises:
        OSError: If it cannot be read, is not a regular file, or is larger.
    """
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit} bytes, the most that is read of such a file", str(path))
    return data
