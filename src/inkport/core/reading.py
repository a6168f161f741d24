"""Opening what somebody else made: regular files, no more of them than was asked for, and zip archives within limits.

A pipe blocks until somebody writes into it, a device such as ``/dev/zero`` never ends, and the head of an archive
says whatever its maker wanted.
"""

from __future__ import annotations

import errno
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable
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


FREE_BYTES = 64 << 20
"""What any archive may unpack to, in bytes, however small it is."""
RATIO = 20
"""How many times its own size an archive may unpack to beyond that. Kits come to 2 or 3 times, language models to 4;
deflate can reach 1,000."""
FAULTS = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What ``zipfile`` raises on damaged archives."""


def unpacked_fault(infos: Iterable[zipfile.ZipInfo], packed: int, *, most: int) -> str | None:
    """Return why an archive is not to be unpacked; members may share their packed bytes, so their number says nothing.

    Args:
        infos: The members to unpack.
        packed: Size of the archive, in bytes.
        most: Most bytes that any archive of its kind may unpack to.
    """
    total, allowed = sum(info.file_size for info in infos), min(most, FREE_BYTES + RATIO * packed)
    if total <= allowed:
        return None
    return f"{total} bytes when unpacked, at most {allowed} are for an archive of {packed} bytes"


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the content of a member; ``ZipFile.read`` would unpack all there is before it looks at the size.

    Raises:
        zipfile.BadZipFile: If its size or checksum is not what the archive says; any of ``FAULTS`` for other damage.
    """
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # The others are unpacked without a limit, whatever is asked of them.
        raise zipfile.BadZipFile(f"{info.filename!r} is packed otherwise than by deflate")
    with archive.open(info) as file:
        data = file.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise zipfile.BadZipFile(f"{info.filename!r} has {len(data)} bytes, {info.file_size} are announced")
    return data
