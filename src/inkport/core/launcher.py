"""Starts a program that the system ends with this process; run by path, it needs nothing of inkport.

``python -I -S launcher.py PARENT COMMAND...`` asks Linux for SIGKILL when the process PARENT is gone, and becomes the
command. The request survives that, as long as the command gains no rights by it (prctl(2), PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys


PR_SET_PDEATHSIG = 1
"""From Linux's ``prctl.h``."""


def end_with_parent(parent: int) -> None:
    """Have this process killed when its parent ends; end it now if the parent is gone already.

    Args:
        parent: Process id of the parent that is meant.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Become the command."""
    end_with_parent(int(sys.argv[1]))
    try:
        os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the caller's own command, and no shell
    except OSError as error:
        sys.stderr.write(f"{sys.argv[2]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
