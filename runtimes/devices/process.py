"""Programs of this machine that talk to a device, bounded in time and ended with all that they have started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO

from inkport.core.children import Process, start_tied
from inkport.core.errors import DeviceTimeoutError, DeviceUnavailableError
from inkport.runtimes.devices.device import Ran


KEPT_BYTES = 1 << 20
"""How much of what a program writes is kept."""


def run_bounded(
    command: Sequence[str],
    *,
    timeout_s: float,
    label: str,
    install: str,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
) -> Ran:
    """Run a program and return how it ended.

    Args:
        command: Program and arguments.
        timeout_s: When it is killed, in seconds.
        label: Names the device in errors.
        install: How to get the program, for the error where it is not there.
        stdin: What it reads; nothing if None.
        stdout: Where its standard output goes; into the result if None.

    Raises:
        DeviceUnavailableError: If the program cannot be started.
        DeviceTimeoutError: If it did not end in time.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            # A session of its own: nothing that it starts can ask at our terminal, and all of it can be killed.
            process = start_tied(
                command, stdin=stdin or subprocess.DEVNULL, stdout=stdout or out, stderr=err, start_new_session=True
            )
        except OSError as error:
            raise DeviceUnavailableError(
                f"{label}: {command[0]} does not start: {error.strerror}", remedy=install
            ) from error
        try:
            code = process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise DeviceTimeoutError(
                f"{label}: {command[0]} did not end within {timeout_s:g} s",
                remedy="see whether the device is busy or asleep; a second run goes on where this one stopped",
            ) from None
        finally:
            _end(process)
        return Ran(code=code, out=_read(out), err=_read(err))


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(KEPT_BYTES).decode("utf-8", errors="replace").replace("\r\n", "\n")


def _end(process: Process) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except OSError:
            return
    process.wait()
