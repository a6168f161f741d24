"""Two paths change places in one step, where the system can."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any


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
